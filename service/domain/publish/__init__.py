"""The checks a version passes before it is stored, one file per kind.

Each file has one generator of findings over a draft that may be broken in any way; `service.domain.validate` runs them
all. Structure comes first, because expressions are checked against the sound part of the graph.
"""
