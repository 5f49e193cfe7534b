"""The rendered Deployment in the form that `podman play kube` of Podman 4.3 can start, field by field.

Podman ignores fields that it does not know, without a word. So every field of the Deployment stands in one of
two lists here: what Podman obeys, and what it does not, with who does it in its place. A field in neither
list is an error, and so is an entry of a list that the Deployment no longer has.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Final

from tests.integration.deployment import Deployment
from tests.manifests import Manifest, walk

POD: Final = "/spec/template/spec"
CONTAINER: Final = f"{POD}/containers"
OBEYED: Final = (
    "/apiVersion",
    "/kind",
    "/metadata/name",
    "/metadata/labels",
    "/spec/template/metadata/labels",
    f"{CONTAINER}/name",
    f"{CONTAINER}/image",
    f"{CONTAINER}/imagePullPolicy",
    f"{CONTAINER}/args",
    f"{CONTAINER}/env",
    f"{CONTAINER}/envFrom/configMapRef/name",
    f"{CONTAINER}/ports/name",
    f"{CONTAINER}/ports/containerPort",
    f"{CONTAINER}/resources/limits/cpu",
    f"{CONTAINER}/resources/limits/memory",
    f"{CONTAINER}/resources/requests/memory",
    f"{CONTAINER}/securityContext/allowPrivilegeEscalation",
    f"{CONTAINER}/securityContext/capabilities/drop",
    f"{CONTAINER}/securityContext/readOnlyRootFilesystem",
    f"{CONTAINER}/volumeMounts/mountPath",
    f"{CONTAINER}/volumeMounts/name",
    f"{CONTAINER}/volumeMounts/readOnly",
    f"{POD}/securityContext/runAsUser",
    f"{POD}/securityContext/runAsGroup",
    f"{POD}/volumes/name",
    f"{POD}/volumes/secret/secretName",
    f"{POD}/volumes/secret/items",
)
LEFT_OUT: Final = {
    "/metadata/namespace": "Podman has no namespaces",
    "/spec/minReadySeconds": "test_kubelet.py: one pod is no rollout",
    "/spec/progressDeadlineSeconds": "test_kubelet.py: one pod is no rollout",
    "/spec/revisionHistoryLimit": "one pod is no rollout",
    "/spec/selector": "Podman makes the pod of the template at once",
    "/spec/strategy": "test_kubelet.py: one pod is no rollout",
    f"{POD}/automountServiceAccountToken": "there is no API server",
    f"{POD}/serviceAccountName": "there is no API server",
    f"{POD}/enableServiceLinks": "there are no Services",
    f"{POD}/topologySpreadConstraints": "there is one node",
    f"{POD}/terminationGracePeriodSeconds": "the test gives it to `podman stop`",
    f"{POD}/securityContext/fsGroup": "Podman lets everybody read the files of Secrets",
    f"{POD}/securityContext/runAsNonRoot": "the test asks the container for its user",
    f"{POD}/securityContext/seccompProfile": "Podman's default; the test asks the container",
    f"{POD}/volumes/emptyDir/sizeLimit": "Podman does not limit it",
    f"{POD}/volumes/secret/defaultMode": "Podman lets everybody read the files of Secrets",
    f"{CONTAINER}/lifecycle": "test_kubelet.py: Podman has no hooks",
    f"{CONTAINER}/startupProbe": "the test asks as the kubelet does; Podman would need curl in the image",
    f"{CONTAINER}/readinessProbe": "the test asks as the kubelet does",
    f"{CONTAINER}/livenessProbe": "the test asks as the kubelet does",
    f"{CONTAINER}/resources/requests/cpu": "nobody else wants the cores of the node",
}
"""The fields that Podman 4.3 does not know, and who does it in its place."""


def for_podman(deployment: Deployment, ports: Mapping[str, int], addresses: Mapping[str, str]) -> Manifest:
    """Return the Deployment without the fields that Podman ignores, and with what it needs besides.

    Args:
        deployment: The rendered one; it is not changed.
        ports: The port of this machine for each port of the container, as `kubectl port-forward` gives it.
        addresses: The address of each name that a Service would have.
    """
    check(deployment.manifest)
    made = copy.deepcopy(deployment.manifest)
    for path in LEFT_OUT:
        remove(made, path.removeprefix("/").split("/"))
    pod = made["spec"]["template"]["spec"]
    pod["hostAliases"] = [{"ip": address, "hostnames": [name]} for name, address in addresses.items()]
    for one in pod["containers"][0]["ports"]:
        one |= {"hostIP": "127.0.0.1", "hostPort": ports[one["name"]]}
    for volume in pod["volumes"]:
        if secret := volume.get("secret"):
            secret["optional"] = False  # Podman 4.3 takes it for given, and ends with a panic
            assert all(one["key"] == one["path"] for one in secret["items"]), "Podman does not rename"
    return made


def check(manifest: Manifest) -> None:
    """Fail for a field that stands in no list or in two, and for an entry without a field."""
    paths = {path for path, value in walk(manifest) if not value or not isinstance(value, dict | list)}
    entries = {path: [one for one in (*OBEYED, *LEFT_OUT) if is_below(path, one)] for path in paths}
    unknown = sorted(path for path, found in entries.items() if not found)
    assert not unknown, f"Podman may ignore these fields: {unknown}"
    used = {max(found, key=len) for found in entries.values()}
    unused = [one for one in (*OBEYED, *LEFT_OUT) if one not in used]
    assert not unused, f"the Deployment has no such fields any more: {unused}"


def is_below(path: str, entry: str) -> bool:
    return path == entry or path.startswith(f"{entry}/")


def remove(place: object, keys: list[str]) -> None:
    """Remove a field of a manifest, from each object of the lists on the way."""
    if isinstance(place, list):
        for one in place:
            remove(one, keys)
    elif isinstance(place, dict) and len(keys) > 1:
        remove(place.get(keys[0]), keys[1:])
    elif isinstance(place, dict):
        place.pop(keys[0], None)
