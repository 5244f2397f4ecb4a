"""The command line of a running server: everything that people ask it over gRPC.

A room of its own: it knows the contract (the generated stubs), the domain and nothing else of ours, so what it does any
client could do. Invariant: stdout holds the answer and nothing else, one JSON document (a stream: one object per line)
under `--json`; everything that is said beside it goes to stderr; a failure ends in words and an exit code of `exits`.

A command is a function over a `Session`, declared in `runs`, `tasks`, ... and wrapped by `command`. What they import at
the top is light: gRPC, the stubs and rich are loaded by the first call, so that `--help` is instant.
"""
