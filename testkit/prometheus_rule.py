"""Writes the PrometheusRule of deploy/kubernetes from deploy/prometheus/rules.yml: `make docs`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
RULES: Final = ROOT / "deploy" / "prometheus" / "rules.yml"
MANIFEST: Final = ROOT / "deploy" / "kubernetes" / "components" / "monitoring" / "rules.yaml"
HEAD: Final = """\
# Made from deploy/prometheus/rules.yml by `make docs`; change that file.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: dungeonfighter
  labels:
    app.kubernetes.io/name: dungeonfighter
    app.kubernetes.io/component: server
spec:
"""


def manifest(rules: str) -> str:
    """Return the manifest with these rules; their text, also the comments, stays as it is."""
    lines = (f"  {line}".rstrip() for line in rules.strip().splitlines() if line != "---")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    MANIFEST.write_text(manifest(RULES.read_text("utf-8")), "utf-8")
