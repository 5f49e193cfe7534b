"""The Deployment of an overlay as `kubectl kustomize` renders it, read the way the kubelet reads it."""

from __future__ import annotations

import base64
import copy
import math
import re
from typing import NamedTuple

from tests.manifests import Manifest, Rendered


class Probe(NamedTuple):
    """An HTTP probe, with the defaults of the API server."""

    path: str
    port: int
    period: float
    timeout: float
    failures_max: int
    successes_min: int


class Deployment:
    """The Deployment of the servers, with the Secrets and ConfigMaps that were rendered beside it.

    Args:
        overlay: All that an overlay renders; it is not changed.
        speed: All times of the kubelet and of the drain are divided by it.
    """

    def __init__(self, overlay: Rendered, speed: float = 1) -> None:
        self.manifest = copy.deepcopy(overlay.one("Deployment", "dungeonfighter"))
        (self.container,) = self.pod["containers"]
        self._overlay = overlay
        self._speed = speed

    @property
    def pod(self) -> Manifest:
        """The specification of a pod."""
        found: Manifest = self.manifest["spec"]["template"]["spec"]
        return found

    @property
    def grace_seconds(self) -> float:
        return float(self.pod["terminationGracePeriodSeconds"]) / self._speed

    @property
    def min_ready_seconds(self) -> float:
        return float(self.manifest["spec"]["minReadySeconds"]) / self._speed

    @property
    def pre_stop_seconds(self) -> float:
        """The time that the hook before SIGTERM sleeps, 0 without a hook."""
        hook = self.container.get("lifecycle", {}).get("preStop")
        return 0.0 if hook is None else float(hook["sleep"]["seconds"]) / self._speed

    @property
    def drain_seconds(self) -> float:
        return float(self.environment("")["DRAIN_SECONDS"])

    def probe(self, kind: str) -> Probe:
        """Return a probe: `startup`, `readiness` or `liveness`."""
        found = self.container[f"{kind}Probe"]
        http = found["httpGet"]
        return Probe(
            path=http["path"],
            port=self.port(http["port"]),
            period=float(found.get("periodSeconds", 10)) / self._speed,
            timeout=float(found.get("timeoutSeconds", 1)),
            failures_max=found.get("failureThreshold", 3),
            successes_min=found.get("successThreshold", 1),
        )

    def port(self, name: str) -> int:
        """Return the number of a port of the container."""
        (number,) = (one["containerPort"] for one in self.container["ports"] if one["name"] == name)
        return int(number)

    def surge_and_unavailable(self, replicas: int) -> tuple[int, int]:
        """Return maxSurge and maxUnavailable as numbers of pods: the first rounded up, the second down."""
        strategy = self.manifest["spec"]["strategy"]
        assert strategy["type"] == "RollingUpdate"
        surge, unavailable = (
            share(strategy["rollingUpdate"][name], replicas) for name in ("maxSurge", "maxUnavailable")
        )
        return math.ceil(surge), math.floor(unavailable)

    def environment(self, pod_name: str) -> dict[str, str]:
        """Return the variables of the container of a pod."""
        found: dict[str, str] = {}
        for source in self.container.get("envFrom", ()):
            found |= self._values("ConfigMap", source["configMapRef"]["name"])
        for one in self.container["env"]:
            source = one.get("valueFrom")
            assert source in (None, {"fieldRef": {"fieldPath": "metadata.name"}}), source
            found[one["name"]] = one["value"] if source is None else pod_name
        return {**found, "DRAIN_SECONDS": f"{float(found['DRAIN_SECONDS']) / self._speed:.1f}"}

    def secret_files(self) -> dict[str, str]:
        """Return the texts of all files that Secrets bring into the container, by path."""
        volumes = {one["name"]: one["secret"] for one in self.pod["volumes"] if "secret" in one}
        found: dict[str, str] = {}
        for mount in self.container["volumeMounts"]:
            if secret := volumes.get(mount["name"]):
                values = self._values("Secret", secret["secretName"])
                found |= {
                    f"{mount['mountPath']}/{one['path']}": values[one["key"]] for one in secret["items"]
                }
        return found

    def _values(self, kind: str, name: str) -> dict[str, str]:
        return values_of(self._overlay.one(kind, name))


def values_of(manifest: Manifest) -> dict[str, str]:
    """Return the values of a Secret or a ConfigMap as texts."""
    values: dict[str, str] = manifest["data"]
    if manifest["kind"] == "ConfigMap":
        return values
    return {name: base64.b64decode(value).decode() for name, value in values.items()}


def share(value: str | int, replicas: int) -> float:
    """Return a number of pods that is given as such or as a percentage."""
    return float(value) if isinstance(value, int) else replicas * int(value.removesuffix("%")) / 100


def bytes_of(quantity: str) -> int:
    """Return a quantity of memory in binary units, for example 256Mi."""
    found = re.fullmatch(r"(\d+)(Ki|Mi|Gi)", quantity)
    assert found, quantity
    return int(found[1]) << {"Ki": 10, "Mi": 20, "Gi": 30}[found[2]]


def cores_of(quantity: str | int) -> float:
    """Return a quantity of CPU, for example 500m."""
    text = str(quantity)
    return int(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text)
