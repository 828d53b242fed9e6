"""HTTP/1.1 and 1.0, strictly, over asyncio: what arrives becomes a `Request`, what leaves is a `Response`.

It knows nothing of models: an `Application` answers.
"""

from contender_serving.http.application import Application
from contender_serving.http.limits import Limits
from contender_serving.http.listener import Listener
from contender_serving.http.message import CLIENT_GONE, Refused, Request, Response

__all__ = ["CLIENT_GONE", "Application", "Limits", "Listener", "Refused", "Request", "Response"]
