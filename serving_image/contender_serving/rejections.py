"""What can go wrong with one request. Messages are for the client: they say what to send, never what was sent."""


class RequestError(Exception):
    """A request that gets no prediction."""


class InvalidInput(RequestError):
    """The client sent what the signature does not take."""


class UnknownModel(RequestError):
    """The client asked for another model, or version, than is served."""


class TooLarge(RequestError):
    """The body is larger than the limit."""


class NotReady(RequestError):
    """The model is not loaded yet."""


class Overloaded(RequestError):
    """More requests wait for the model than it answers in time."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds


class ModelFailed(RequestError):
    """The model itself raised on input that agrees with its signature."""
