"""How fast the service is, as ratios: `python -m tests.bench`, or `make bench`.

Every figure stands beside what the machine could do at the same moment (pgbench, an empty call, one commit), measured
in the same round on the same servers, because single numbers on a shared machine mean little. One file is one
measurement; `frame` runs them, `report` shows them. PostgreSQL is durable here, as in production. Nothing is asserted:
a goal that is missed is shown as missed.
"""
