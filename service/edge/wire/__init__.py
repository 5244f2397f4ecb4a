"""Between protobuf and plain values, for all services: checks, enums, payloads, framing, and what fits."""
