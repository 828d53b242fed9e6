"""PromQL, as far as these tests look into it."""

import re

KEYWORDS = {"and", "or", "unless", "bool", "inf", "nan"}


def metrics_in(expression: str) -> set[str]:
    """The names of the metrics that an expression asks for."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    return set(re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)) - KEYWORDS
