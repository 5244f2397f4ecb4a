"""The gRPC server: parsing, rendering, errors and health."""
