"""The init container: bring a bundle into the model volume, whole and verified, or say why not."""

from contender_serving.fetch.fetching import fetch

__all__ = ["fetch"]
