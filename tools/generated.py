"""Files that are generated and committed: written anew, or with `--check` only compared."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(path: Path, text: str) -> int:
    """The exit code of a generator's command, whose file is `path` and whose output is `text`."""
    parser = argparse.ArgumentParser(description=f"writes {path.relative_to(ROOT)}")
    parser.add_argument("--check", action="store_true", help="only say whether the file is up to date")
    if not parser.parse_args().check:
        path.write_text(text)
        return 0
    if path.exists() and path.read_text() == text:
        return 0
    print(f"{path.relative_to(ROOT)} is not up to date: run `make generate` and commit it", file=sys.stderr)
    return 1
