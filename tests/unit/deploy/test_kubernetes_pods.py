"""Every pod of deploy/kubernetes has limits, no rights, probes of declared ports, and real settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from dungeonfighter.serving.composition import STORES
from dungeonfighter.setting_fields import FIELDS, Field
from dungeonfighter.settings import Settings, read_settings
from tests.manifests import JOBS, OVERLAYS, Manifest, Pod, Rendered, matches, rendered
from tests.unit.house.sources import ROOT

GAME: Final = re.compile(r"(?:registry\.example\.org/)?dungeonfighter:\S+")
KUBERNETES_UNITS: Final = {"": 1.0, "m": 0.001, "Mi": 2.0**20, "Gi": 2.0**30}
INGRESS: Final = "dungeonfighter-ingress"
OF_SCRIPT: Final = {"FLEET", "SCOPES", "EXPIRES", "FOLDER", "SECONDS_TO_READ"}
OF_KUBERNETES: Final = {"DB_PASSWORD"}
"""Variables that only serve in the values of others."""

every_rendering = pytest.mark.parametrize("name", OVERLAYS + JOBS)
every_overlay = pytest.mark.parametrize("name", OVERLAYS)


def containers(name: str) -> list[tuple[Pod, Manifest]]:
    found = [(pod, container) for pod in rendered(name).pods() for container in pod.containers]
    assert found
    return found


def amount(quantity: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(\w*)", quantity).groups()  # type: ignore[union-attr]
    return float(number) * KUBERNETES_UNITS[unit]


@every_rendering
def test_every_container_has_requests_and_limits_of_processors_and_memory(name: str) -> None:
    for pod, container in containers(name):
        requests, limits = (container["resources"][kind] for kind in ("requests", "limits"))
        assert requests.keys() == limits.keys() == {"cpu", "memory"}, pod
        assert all(0 < amount(requests[one]) <= amount(limits[one]) for one in limits), pod


@every_rendering
def test_no_container_has_rights(name: str) -> None:
    for pod, container in containers(name):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, pod


@every_rendering
def test_no_pod_has_rights(name: str) -> None:
    for pod in rendered(name).pods():
        context = pod.spec["securityContext"]
        assert context["runAsNonRoot"] is True, pod
        assert context["runAsUser"] > 0, pod
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, pod
        assert pod.spec["automountServiceAccountToken"] is False, pod
        assert not pod.spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}, pod


@every_rendering
def test_no_pod_gets_variables_for_services(name: str) -> None:
    """Kubernetes would set DUNGEONFIGHTER_PORT, a setting, for the Service of that name."""
    assert all(pod.spec["enableServiceLinks"] is False for pod in rendered(name).pods())


@every_rendering
def test_the_game_runs_as_the_user_of_its_image(name: str) -> None:
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert user
    ours = [pod for pod, container in containers(name) if GAME.fullmatch(container["image"])]
    assert ours
    for pod in ours:
        context = pod.spec["securityContext"]
        ids = {context[key] for key in ("runAsUser", "runAsGroup", "fsGroup")}
        assert ids == {int(user[1])} == {int(user[2])}, pod


@every_rendering
def test_every_image_has_a_tag_that_stays(name: str) -> None:
    for pod, container in containers(name):
        repository, _, tag = container["image"].rpartition(":")
        assert repository, pod
        assert tag != "latest", pod
        assert container["imagePullPolicy"] == "IfNotPresent", pod


@every_rendering
def test_every_mount_has_a_volume_and_every_folder_in_memory_or_on_the_node_a_limit(name: str) -> None:
    for pod, container in containers(name):
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", [])}
        claims = {one["metadata"]["name"] for one in claimed(rendered(name), pod)}
        mounts = container["volumeMounts"]
        assert {mount["name"] for mount in mounts} == volumes.keys() | claims, pod
        assert not [mount for mount in mounts if "subPath" in mount], pod
        folders = [volume["emptyDir"] for volume in volumes.values() if "emptyDir" in volume]
        assert all("sizeLimit" in folder for folder in folders), pod


def claimed(overlay: Rendered, pod: Pod) -> list[Manifest]:
    found: list[Manifest] = overlay.one(pod.kind, pod.name)["spec"].get("volumeClaimTemplates", [])
    return found


@every_overlay
def test_every_probe_asks_a_declared_port(name: str) -> None:
    for pod, container in containers(name):
        ports = {port["name"] for port in container["ports"]}
        probes = {kind: container[kind] for kind in container if kind.endswith("Probe")}
        assert "readinessProbe" in probes, pod
        for probe in probes.values():
            asked = probe.get("httpGet", probe.get("tcpSocket", {}))
            assert "exec" in probe or asked["port"] in ports, pod


@every_overlay
def test_the_probes_and_ports_of_the_servers_are_those_of_their_settings(name: str) -> None:
    settings = rendered(name).settings()
    (container,) = rendered(name).one("Deployment", "dungeonfighter")["spec"]["template"]["spec"][
        "containers"
    ]
    checks = settings["ADMIN_LISTEN"] or settings["PROMETHEUS_ENDPOINT"]
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {
        "game": int(settings["DUNGEONFIGHTER_PORT"]),
        "admin": int(checks.rpartition(":")[2]),
    }
    paths = {"startupProbe": "/livez", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    assert {kind: container[kind]["httpGet"] for kind in paths} == {
        kind: {"path": path, "port": "admin"} for kind, path in paths.items()
    }


@every_overlay
def test_every_selector_of_a_workload_selects_its_pods_only(name: str) -> None:
    pods = rendered(name).pods()
    for pod in pods:
        selector = rendered(name).one(pod.kind, pod.name)["spec"]["selector"]
        assert [str(one) for one in pods if matches(selector, one.labels)] == [str(pod)]
        for spread in pod.spec.get("topologySpreadConstraints", []):
            assert matches(spread["labelSelector"], pod.labels)


@every_rendering
def test_every_variable_of_the_game_is_a_setting(name: str) -> None:
    ours = variables(FIELDS) | OF_KUBERNETES
    for pod, container in containers(name):
        if GAME.fullmatch(container["image"]) and pod.name != INGRESS:
            used = {variable["name"] for variable in container["env"]}
            assert used <= (ours | OF_SCRIPT if pod.name == "first-token" else ours), pod
    for overlay in {name} & {*OVERLAYS}:
        assert rendered(overlay).settings().keys() <= ours


def test_every_variable_of_the_ingress_is_a_setting() -> None:
    options = pytest.importorskip("dungeonfighter.ingress.options")
    (container,) = rendered("everything").one("Deployment", INGRESS)["spec"]["template"]["spec"]["containers"]
    used = {variable["name"] for variable in container["env"]}
    assert used <= variables(options.FIELDS) | variables(FIELDS) | OF_KUBERNETES


def variables(fields: Sequence[Field]) -> set[str]:
    return {variable for field in fields for variable in field.all_variables}


@every_rendering
def test_a_variable_stands_after_those_in_its_value(name: str) -> None:
    """Kubernetes replaces `$(NAME)` only if NAME was defined before."""
    for pod, container in containers(name):
        before: set[str] = set()
        for variable in container.get("env", []):
            assert {*re.findall(r"\$\((\w+)\)", variable.get("value", ""))} <= before, pod
            before.add(variable["name"])


@every_overlay
def test_the_server_accepts_its_settings_without_a_note(name: str, tmp_path: Path) -> None:
    settings = server_settings(rendered(name), tmp_path)
    assert settings.notes == ()
    assert settings.database.kind == "postgresql"
    assert settings.auth == "tokens"
    assert settings.instance_id == "pod-1"
    assert settings.trusted_proxies
    assert settings.signing_key
    assert settings.redis_url


def server_settings(overlay: Rendered, folder: Path) -> Settings:
    """Read the settings as a server does in a pod, with files of a test in place of the Secrets."""
    (container,) = overlay.one("Deployment", "dungeonfighter")["spec"]["template"]["spec"]["containers"]
    environ = overlay.settings()
    for variable in container["env"]:
        value = variable.get(
            "value", "secret" if "secretKeyRef" in variable.get("valueFrom", {}) else "pod-1"
        )
        environ[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda found: environ[found[1]], value)
    for name in [one for one in environ if one.endswith("_FILE")]:
        file = folder / name
        file.write_text("postgresql://u:p@postgres/games" if name.startswith("DB") else 64 * "s", "utf-8")
        environ[name] = str(file)
    return read_settings({}, environ, stores=STORES)
