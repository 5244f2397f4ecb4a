"""The only user of PostgreSQL: it satisfies the engine's store ports and reads for the edge.

SQL lives in `sql/queries/*.sql` under names; this package loads, sends and decodes it. Every write of a run is one
fenced statement; nothing here decides anything.
"""
