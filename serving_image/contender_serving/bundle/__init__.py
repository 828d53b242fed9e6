"""The bundle: a directory that holds a model and all that is needed to serve and to judge it."""

from contender_serving.bundle.manifest import MANIFEST, Bundle, Manifest, digest_of, parse
from contender_serving.bundle.reading import read, verify
from contender_serving.bundle.writing import write

__all__ = ["MANIFEST", "Bundle", "Manifest", "digest_of", "parse", "read", "verify", "write"]
