"""The manifests of `deploy/kubernetes` as kubectl renders them."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from tests.parts import program
from tests.unit.house.sources import ROOT

Manifest = dict[str, Any]
DEPLOY: Final = ROOT / "deploy"
PROD: Final = "overlays/prod/kustomization.yaml"
OVERLAYS: Final = ("overlays/dev", "overlays/prod", "gateway", "everything")
"""The folders of overlays, and the two variants of prod that its comments describe."""
JOBS: Final = tuple(
    f"overlays/{name}/{job}" for name in ("dev", "prod") for job in ("migrate", "first-token")
)
VARIANTS: Final = {
    "gateway": (
        ("  - ../../components/haproxy\n", "  - ../../components/gateway\n"),
        ("  - ../../components/haproxy-tls\n", ""),
    ),
    "everything": (("  # - ../../components/", "  - ../../components/"),),
}
"""What to replace in the file of the overlay prod for each variant."""
TEMPLATES: Final = {"Deployment", "StatefulSet", "Job"}


class Pod(NamedTuple):
    """The pods of one workload: its kind and name, the labels of the pods, and their specification."""

    kind: str
    name: str
    labels: dict[str, str]
    spec: Manifest

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def containers(self) -> list[Manifest]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


class Rendered:
    """All manifests of one overlay."""

    def __init__(self, manifests: Sequence[Manifest]) -> None:
        self.manifests = list(manifests)

    def of_kind(self, *kinds: str) -> list[Manifest]:
        return [one for one in self.manifests if one["kind"] in kinds]

    def one(self, kind: str, name: str) -> Manifest:
        (found,) = (one for one in self.of_kind(kind) if one["metadata"]["name"] == name)
        return found

    def pods(self) -> list[Pod]:
        """Return the pods of every workload that is rendered as one, so not those of an operator."""
        templates = ((one, one["spec"]["template"]) for one in self.of_kind(*TEMPLATES))
        return [
            Pod(one["kind"], one["metadata"]["name"], template["metadata"]["labels"], template["spec"])
            for one, template in templates
        ]

    def settings(self) -> dict[str, str]:
        """Return the variables of the ConfigMap with the settings of the servers."""
        (found,) = (
            one["data"]
            for one in self.of_kind("ConfigMap")
            if one["metadata"]["name"].startswith("dungeonfighter-settings")
        )
        return dict(found)


@functools.cache
def rendered(name: str) -> Rendered:
    """Return what an overlay, a Job or a variant of prod renders."""
    if name not in VARIANTS:
        return Rendered(render(DEPLOY / "kubernetes" / name))
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(Path(folder))
        edit(copy / PROD, VARIANTS[name])
        return Rendered(render(copy / "overlays" / "prod"))


def copied(folder: Path) -> Path:
    """Copy what Kustomize reads into a folder; return the copy of `deploy/kubernetes`."""
    shutil.copytree(DEPLOY / "kubernetes", folder / "kubernetes")
    shutil.copytree(DEPLOY / "haproxy", folder / "haproxy")
    return folder / "kubernetes"


def edit(file: Path, replacements: Sequence[tuple[str, str]]) -> None:
    """Replace texts of a file, each of which must be there."""
    text = file.read_text("utf-8")
    for former, new in replacements:
        assert former in text, f"{file.name} has no {former!r}"
        text = text.replace(former, new)
    file.write_text(text, "utf-8")


def render(folder: Path) -> list[Manifest]:
    """Return the manifests that `kubectl kustomize` prints for a folder."""
    done = subprocess.run(
        [program("kubectl", part="kubectl"), "kustomize", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), f"{folder}: {done.stderr}"
    return read(done.stdout)


def read(text: str) -> list[Manifest]:
    """Return the documents of a YAML text; by the loader in C where there is one."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [one for one in yaml.load_all(text, Loader=loader) if one]


def walk(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield every value below a manifest with its path, without the numbers of lists."""
    yield path, value
    if isinstance(value, dict):
        for key, below in value.items():
            yield from walk(below, f"{path}/{key}")
    elif isinstance(value, list):
        for below in value:
            yield from walk(below, path)


def matches(selector: Manifest, labels: dict[str, str]) -> bool:
    """Return True if a selector (`matchLabels`, or plain labels) selects these labels."""
    wanted = selector.get("matchLabels", {} if selector.keys() <= {"matchLabels"} else selector)
    return all(labels.get(key) == value for key, value in wanted.items())
