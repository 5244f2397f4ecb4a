"""What keeps the service from starting: raised by whoever connects, opens or listens, caught by the command line."""


class StartError(RuntimeError):
    """The service cannot start; the message is one line for the operator."""
