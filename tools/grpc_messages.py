"""Writes the serving image's protobuf modules from its .proto file.

The messages go into a descriptor pool of their own: the default one refuses a second copy of the protocol's messages,
and a process may also hold a client's, as our tests do.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from grpc_tools import protoc

from tools import generated

ROOT = generated.ROOT / "serving_image"
PROTO = "contender_serving/grpc/open_inference.proto"


def modules() -> dict[Path, str]:
    """The module and its types, by path."""
    with TemporaryDirectory() as folder:
        options = [f"--proto_path={ROOT}", f"--python_out={folder}", f"--pyi_out={folder}"]
        if protoc.main(["protoc", *options, PROTO]) != 0:
            raise SystemExit(f"{PROTO} is not valid")
        return {
            ROOT / file.relative_to(folder): _pooled(file.read_text()) for file in sorted(Path(folder).rglob("*.py*"))
        }


def _pooled(source: str) -> str:
    return source.replace("_descriptor_pool.Default()", "_descriptor_pool.DescriptorPool()")


if __name__ == "__main__":
    sys.exit(max(generated.main(path, text) for path, text in modules().items()))
