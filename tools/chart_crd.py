"""Writes the chart's copy of `crds/`: a template, since Helm never upgrades what lies in a chart's `crds/` folder."""

import re
import sys

from tools import crds, generated

TEMPLATE = generated.ROOT / "charts" / "contender" / "templates" / "crds.yaml"

HEAD = """\
{{- /* Generated from crds/ by tools/chart_crd.py: change it there, then `make generate`. */}}
{{- if .Values.crds.enabled }}
"""
KEEP = """\
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"""
NAME = re.compile(r"^metadata:\n  name: .*\n", re.MULTILINE)


def template() -> str:
    return HEAD + "".join(f"---\n{_keepable(path.read_text())}" for path in crds.paths()) + "{{- end }}\n"


def _keepable(crd: str) -> str:
    """The CRD as text, with its comments, and with an annotation that Helm minds when it uninstalls the chart."""
    literal = crd.replace("{{", '{{ "{{" }}')
    return NAME.sub(lambda name: name.group() + KEEP, literal, count=1)


if __name__ == "__main__":
    sys.exit(generated.main(TEMPLATE, template()))
