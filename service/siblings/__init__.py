"""Calls to the sibling services; the only outgoing gRPC."""
