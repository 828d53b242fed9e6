"""A load of requests at a fixed rate that remembers every answer."""

from tests.load.generator import Load
from tests.load.recording import Record, Recording

__all__ = ["Load", "Record", "Recording"]
