"""The whole service in one thread, where one seed is one trace: what breaks once can be played again.

The real engine and the real rules run on a loop without time (`loop`), over a simulated store (`tables`, `inbox`,
`store`), siblings and bus, with people at work on the runs (`people`) and every fault there is (`faults`). `world`
ties them together, `watch` looks at each commit, `history` plays one story of illness and healing. `arena` lets
commands race for one run, simulated or over PostgreSQL; `stages` has the states and the pairs.

`SIMULATION_SEEDS=20` plays twenty times as many seeds as usual, `SIMULATION_SEED=7` the seventh only.

Not simulated: what is inside gRPC, NATS and SQL; transactions that see each other half done, except that an event's
routing looks and writes at two moments; bodies of published changes; a database clock that jumps.
"""
