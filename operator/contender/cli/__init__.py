"""The command line `contender`: what a trial will take, whether its verdicts follow, and how it went; labels and keys.

It uses the operator's pure modules and its client; nothing of the operator uses it, nor what it is made of.
"""


def main() -> None:
    try:
        from contender.cli.app import app  # noqa: PLC0415  what it needs comes with an extra
    except ModuleNotFoundError as missing:
        raise SystemExit(f"the command line needs {missing.name}: pip install 'contender[cli]'") from missing
    app()
