"""Real server processes, as tests/serving has them."""

from tests.serving.conftest import serve

__all__ = ["serve"]
