"""The example files: `valid/` and the project's own `examples/` are admitted, each file of `invalid/` is refused."""

from pathlib import Path

HERE = Path(__file__).parent
VALID = sorted([*(HERE / "valid").glob("*.yaml"), *(HERE.parents[1] / "examples").glob("*.yaml")])
INVALID = sorted((HERE / "invalid").glob("*.yaml"))


def refusal(path: Path) -> list[str]:
    """What the API server must answer to an invalid file: the pieces of its first line, `# refused: a ... b`.

    Between the pieces the server repeats the value, in words that change with its version.
    """
    head = path.read_text().splitlines()[0]
    return head.removeprefix("# refused: ").split(" ... ")
