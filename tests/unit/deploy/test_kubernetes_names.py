"""Names in deploy/kubernetes lead somewhere: references, suffixes, namespaces, releases, files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from testkit.prometheus_rule import MANIFEST, RULES, manifest
from tests.manifests import (
    DEPLOY,
    JOBS,
    OVERLAYS,
    PROD,
    VARIANTS,
    Manifest,
    Rendered,
    copied,
    edit,
    matches,
    render,
    rendered,
    walk,
)
from tests.unit.house.sources import ROOT

KUBERNETES: Final = DEPLOY / "kubernetes"
SUFFIX: Final = re.compile(r"-[a-z0-9]{10}$")
IS_REFERENCE: Final = re.compile(r"(?i)(configMap|secret|key|keyId|ref)s?/(name|secretName)$")
SECRET_ROW: Final = re.compile(r"^\| `([a-z-]+)` \| ((?:`[a-z.-]+`(?:, )?)+) \|", re.MULTILINE)
NOT_BY_KUSTOMIZE: Final = {KUBERNETES / "components/autoscaling/prometheus-adapter.yaml"}
"""Values for a Helm chart."""
CLUSTER_WIDE: Final = {"Namespace"}

every_rendering = pytest.mark.parametrize("name", OVERLAYS + JOBS)


def secrets_of_document() -> dict[str, set[str]]:
    """Return the keys of each Secret in the table of docs/kubernetes.md."""
    rows = SECRET_ROW.findall((ROOT / "docs" / "kubernetes.md").read_text("utf-8"))
    return {name: {*re.findall(r"`([^`]+)`", keys)} for name, keys in rows}


def secret_references(overlay: Rendered) -> Iterator[tuple[str, str]]:
    """Yield the name and a key of each Secret that pods and custom resources ask for."""
    for one in overlay.manifests:
        for path, value in walk(one):
            if isinstance(value, dict) and path.endswith(
                ("/secretKeyRef", "/accessKeyId", "/secretAccessKey")
            ):
                yield value["name"], value["key"]
            if isinstance(value, dict) and path.endswith("/secret"):
                yield from ((value["secretName"], item["key"]) for item in value["items"])
            if isinstance(value, dict) and path.endswith("/certificateRefs"):
                yield from ((value["name"], key) for key in ("tls.crt", "tls.key"))


@every_rendering
def test_every_secret_is_made_here_or_described_with_its_key(name: str) -> None:
    made = {
        one["metadata"]["name"]: {*one["data"]}
        for overlay in {name, *(["overlays/dev"] if "dev" in name else [])}
        for one in rendered(overlay).of_kind("Secret")
    }
    known = {**secrets_of_document(), **made}
    found = {*secret_references(rendered(name))}
    assert found
    assert not [(secret, key) for secret, key in found if key not in known.get(secret, set())]


def test_the_document_describes_only_secrets_that_are_asked_for() -> None:
    asked = {one for name in (*OVERLAYS, *JOBS) for one in secret_references(rendered(name))}
    described = {(name, key) for name, keys in secrets_of_document().items() for key in keys}
    assert described <= asked


@pytest.mark.parametrize("name", [one for one in OVERLAYS if "dev" not in one])
def test_only_the_overlay_for_development_holds_secrets(name: str) -> None:
    assert not rendered(name).of_kind("Secret")


@every_rendering
def test_every_config_map_and_service_account_exists(name: str) -> None:
    overlay = rendered(name)
    base = rendered("/".join(name.split("/")[:2]))
    made = {one["metadata"]["name"] for one in overlay.of_kind("ConfigMap")}
    accounts = {one["metadata"]["name"] for one in base.of_kind("ServiceAccount")}
    for pod in overlay.pods():
        assert pod.spec["serviceAccountName"] in accounts
        named = [value for path, value in walk(pod.spec) if path.endswith(("/configMap", "/configMapRef"))]
        assert {one["name"] for one in named if isinstance(one, dict)} <= made


@every_rendering
def test_no_name_lacks_the_suffix_of_what_was_generated(name: str) -> None:
    overlay = rendered(name)
    generated = {one["metadata"]["name"] for one in overlay.of_kind("ConfigMap", "Secret")}
    plain = {SUFFIX.sub("", one) for one in generated if SUFFIX.search(one)}
    assert plain or name.endswith("/migrate")
    left = [
        (one["kind"], path)
        for one in overlay.manifests
        for path, value in walk(one)
        if IS_REFERENCE.search(path) and value in plain
    ]
    assert not left


@pytest.mark.parametrize("name", ["overlays/dev", "overlays/prod"])
def test_a_changed_setting_rolls_the_servers(name: str, tmp_path: Path) -> None:
    copy = copied(tmp_path)
    edit(copy / "base" / "settings.env", [("LOG_FORMAT=json", "LOG_FORMAT=ecs"), ("AUTH=tokens", "AUTH=jwt")])
    before, after = rendered(name), Rendered(render(copy / name))
    assert settings_name(before) != settings_name(after)


def settings_name(overlay: Rendered) -> str:
    (container,) = overlay.one("Deployment", "dungeonfighter")["spec"]["template"]["spec"]["containers"]
    (source,) = container["envFrom"]
    found: str = source["configMapRef"]["name"]
    assert SUFFIX.search(found)
    return found


GENERATED: Final = """
secretGenerator:
  - name: games-backups
    literals: [access-key-id=a, secret-access-key=b]
  - name: dungeonfighter-tls
    type: kubernetes.io/tls
    literals: [tls.crt=a, tls.key=b]
"""


def test_generated_secrets_are_mended_in_custom_resources(tmp_path: Path) -> None:
    """Kustomize knows such places by nameReference only."""
    copy = copied(tmp_path)
    edit(copy / PROD, VARIANTS["gateway"])
    with (copy / PROD).open("a", encoding="utf-8") as file:
        file.write(GENERATED)
    overlay = Rendered(render(copy / "overlays" / "prod"))
    names = {SUFFIX.sub("", one["metadata"]["name"]): one for one in overlay.of_kind("Secret")}
    backups, tls = (names[one]["metadata"]["name"] for one in ("games-backups", "dungeonfighter-tls"))
    (store,) = overlay.of_kind("ObjectStore")
    assert {one["name"] for one in store["spec"]["configuration"]["s3Credentials"].values()} == {backups}
    listeners = overlay.of_kind("Gateway")[0]["spec"]["listeners"]
    assert [one["tls"]["certificateRefs"][0]["name"] for one in listeners if "tls" in one] == [tls]


@every_rendering
def test_everything_is_in_the_namespace_of_its_overlay(name: str) -> None:
    wanted = "dungeonfighter-dev" if "dev" in name else "dungeonfighter"
    for one in rendered(name).manifests:
        inside = one["metadata"].get("namespace", wanted)
        assert inside == wanted, one["metadata"]
        assert "namespace" in one["metadata"] or one["kind"] in CLUSTER_WIDE, one["metadata"]


def test_no_file_but_that_of_an_overlay_names_its_namespace() -> None:
    named = [
        path
        for path in KUBERNETES.rglob("*.yaml")
        if re.search(r"^ *namespace:|dungeonfighter(-dev)?\.svc", path.read_text("utf-8"), re.MULTILINE)
    ]
    places = {path.relative_to(KUBERNETES).parts[0] for path in named if path.name == "kustomization.yaml"}
    assert places == {"overlays"}
    assert {path for path in named if path.name != "kustomization.yaml"} == NOT_BY_KUSTOMIZE


def test_haproxy_gets_only_variables_that_its_document_describes() -> None:
    document = (DEPLOY / "haproxy" / "README.md").read_text("utf-8")
    described = {name for row in re.findall(r"^\| (`[A-Z_`, ]+`) \|", document, re.MULTILINE)
                 for name in re.findall(r"[A-Z_]+", row)}  # fmt: skip
    for name in ("overlays/dev", "overlays/prod"):
        (container,) = rendered(name).one("Deployment", "haproxy")["spec"]["template"]["spec"]["containers"]
        assert {one["name"] for one in container["env"]} - {"NAMESPACE"} <= described


def test_no_service_and_no_budget_counts_the_pods_of_jobs() -> None:
    jobs = [pod for name in JOBS for pod in rendered(name).pods()]
    for one in rendered("everything").of_kind("Service", "PodDisruptionBudget", "Deployment"):
        assert not any(matches(one["spec"]["selector"], pod.labels) for pod in jobs), one["metadata"]


def test_a_job_has_the_name_of_its_release() -> None:
    (job,) = rendered("overlays/prod/migrate").of_kind("Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    release = container["image"].rpartition(":")[2]
    assert job["metadata"]["name"] == f"migrate-{release}"
    servers = rendered("overlays/prod").one("Deployment", "dungeonfighter")["spec"]["template"]["spec"]
    assert servers["containers"][0]["image"] == container["image"]


def files_of(folder: Path) -> Iterator[Path]:
    """Yield every file that the kustomization of a folder reads, and the kustomization itself."""
    file = folder / "kustomization.yaml"
    wanted: Manifest = yaml.safe_load(file.read_text("utf-8"))
    yield file
    for key in ("resources", "components", "configurations"):
        for entry in wanted.get(key, []):
            path = (folder / entry).resolve()
            yield from files_of(path) if path.is_dir() else [path]
    yield from ((folder / one["path"]).resolve() for one in wanted.get("patches", []))
    for generator in wanted.get("configMapGenerator", []):
        yield from (folder / one for one in generator.get("files", []) + generator.get("envs", []))


def test_every_file_belongs_to_an_overlay_or_to_a_component_that_one_can_have() -> None:
    folders = {path.parent for path in KUBERNETES.rglob("kustomization.yaml")}
    used = {file for folder in folders for file in files_of(folder)}
    here = {path for path in KUBERNETES.rglob("*") if path.is_file()}
    assert here - used == NOT_BY_KUSTOMIZE
    reached = {
        file for name in ("overlays/dev", "overlays/prod", *JOBS) for file in files_of(KUBERNETES / name)
    }
    optional = {one.parent.name for one in folders_of(used - reached)}
    assert optional == {"gateway", "ingress", "public-page"}


def folders_of(files: set[Path]) -> list[Path]:
    return [one for one in files if one.name == "kustomization.yaml"]


def test_the_rules_of_the_operator_are_those_of_prometheus() -> None:
    assert MANIFEST.read_text("utf-8") == manifest(RULES.read_text("utf-8")), "run `make docs`"
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    assert yaml.safe_load(MANIFEST.read_text("utf-8"))["spec"] == {"groups": groups}


def test_an_overlay_with_cloudnative_pg_has_other_alerts_for_backups() -> None:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    rule = rendered("overlays/prod").one("PrometheusRule", "dungeonfighter")
    assert rule["spec"]["groups"] == [one for one in groups if one["name"] != "dungeonfighter-backups"]
    document = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
    for alert in alerts_of_database():
        assert f"\n### {alert['alert']}\n" in document
        assert alert["annotations"]["runbook_url"].endswith(f"docs/kubernetes.md#{alert['alert'].lower()}")


def alerts_of_database() -> list[Manifest]:
    (group,) = rendered("overlays/prod").one("PrometheusRule", "games")["spec"]["groups"]
    found: list[Manifest] = group["rules"]
    return found
