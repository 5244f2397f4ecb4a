"""The rules: pure values and functions. No clock, no uuid, no I/O, no protobuf, no SQL."""
