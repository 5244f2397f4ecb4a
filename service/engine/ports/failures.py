"""What a port may fail with: the only errors of store and bus that the engine knows."""


class StaleRun(Exception):
    """Somebody else moved the run, took over an effect or used a cause first: nothing was written."""


class StoreUnavailable(Exception):
    """The database does not answer, or cut the connection: the outcome of a write is unknown."""


class BusUnavailable(Exception):
    """The bus did not acknowledge."""
