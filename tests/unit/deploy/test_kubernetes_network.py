"""Services lead to declared ports, routes to Services; policies allow declared connections only."""

from __future__ import annotations

from typing import Final

import pytest

from tests.manifests import OVERLAYS, Rendered, matches, rendered
from tests.unit.deploy.network import Peer, allowed

SCALED: Final = [one for one in OVERLAYS if "dev" not in one]
OPERATOR = Peer("cnpg-system", {"app.kubernetes.io/name": "cloudnative-pg"})
DATABASE = Peer(labels={"cnpg.io/cluster": "games", "cnpg.io/podRole": "instance"})
MONITORING = Peer("monitoring", {"app.kubernetes.io/name": "prometheus"})
NAMES = Peer("kube-system", {"k8s-app": "kube-dns"})
NAMES_OF_NODE = Peer(address="169.254.20.10")
OUTSIDE = Peer(address="203.0.113.7")
STRANGER = Peer(labels={"app.kubernetes.io/name": "stranger"})
OTHER_NAMESPACE = Peer(
    "other", {"app.kubernetes.io/name": "haproxy", "app.kubernetes.io/component": "balancer"}
)
GATEWAY = Peer("envoy-gateway-system", {"app.kubernetes.io/name": "envoy"})


def peer(overlay: Rendered, name: str) -> Peer:
    """Return the pods of a workload of the rendering as a peer."""
    if name.startswith("Job"):
        _, folder = name.split()
        (pod,) = rendered(f"overlays/prod/{folder}").pods()
    else:
        (pod,) = (one for one in overlay.pods() if one.name == name)
    ports = {port["name"]: port["containerPort"] for one in pod.containers for port in one.get("ports", [])}
    return Peer(labels=pod.labels, ports=ports)


def ends(overlay: Rendered, source: Peer | str, target: Peer | str) -> tuple[Peer, Peer]:
    first, second = (peer(overlay, one) if isinstance(one, str) else one for one in (source, target))
    return first, second


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_service_leads_to_declared_ports_of_one_workload(name: str) -> None:
    overlay = rendered(name)
    for service in overlay.of_kind("Service"):
        (pod,) = (one for one in overlay.pods() if matches(service["spec"]["selector"], one.labels))
        declared = {port["name"] for one in pod.containers for port in one["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= declared, service["metadata"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_names_in_connection_strings_are_services(name: str) -> None:
    services = {one["metadata"]["name"] for one in rendered(name).of_kind("Service")}
    assert rendered(name).settings()["REDIS_CONNECTION_STRING"] == "redis://valkey:6379"
    assert "valkey" in services


@pytest.mark.parametrize("name", SCALED)
def test_every_monitor_selects_one_service_with_its_port(name: str) -> None:
    overlay = rendered(name)
    absent = {"gateway": {"haproxy", "dungeonfighter-ingress"}, "overlays/prod": {"dungeonfighter-ingress"}}
    for monitor in overlay.of_kind("ServiceMonitor"):
        (endpoint,) = monitor["spec"]["endpoints"]
        services = [
            one
            for one in overlay.of_kind("Service")
            if matches(monitor["spec"]["selector"], one["metadata"]["labels"])
            and endpoint["port"] in {port["name"] for port in one["spec"]["ports"]}
        ]
        label = monitor["metadata"]["name"]
        assert len(services) == (label not in absent.get(name, set())), label
        assert all(one["metadata"]["labels"][monitor["spec"]["jobLabel"]] == label for one in services)


def test_every_route_leads_to_a_service_and_has_a_time_out() -> None:
    overlay = rendered("gateway")
    ports = {
        (one["metadata"]["name"], port["port"])
        for one in overlay.of_kind("Service")
        for port in one["spec"]["ports"]
    }
    (gateway,) = overlay.of_kind("Gateway")
    listeners = {one["name"] for one in gateway["spec"]["listeners"]}
    for route in overlay.of_kind("HTTPRoute"):
        (parent,) = route["spec"]["parentRefs"]
        assert parent["name"] == gateway["metadata"]["name"]
        assert parent["sectionName"] in listeners
        for rule in route["spec"]["rules"]:
            assert rule["timeouts"]["request"] in {"60s", "20s", "0s"}
            assert "retry" not in rule
            for backend in rule.get("backendRefs", []):
                assert (backend["name"], backend["port"]) in ports


def test_only_the_stream_of_events_has_no_time_out() -> None:
    routes = rendered("gateway").of_kind("HTTPRoute")
    endless = [
        match["path"]
        for route in routes
        for rule in route["spec"]["rules"]
        if rule["timeouts"]["request"] == "0s"
        for match in rule["matches"]
    ]
    assert endless == [{"type": "Exact", "value": "/api/events"}]


CONNECTIONS: Final[list[tuple[str, Peer | str, Peer | str, int]]] = [
    ("everything", OUTSIDE, "haproxy", 8080),
    ("everything", OUTSIDE, "haproxy", 8443),
    ("everything", "haproxy", "dungeonfighter", 8000),
    ("everything", "haproxy", "dungeonfighter", 9000),
    ("everything", "dungeonfighter", DATABASE, 5432),
    ("everything", "dungeonfighter", "valkey", 6379),
    ("everything", "dungeonfighter", MONITORING, 4317),
    ("everything", "dungeonfighter", MONITORING, 4318),
    ("everything", "dungeonfighter-ingress", DATABASE, 5432),
    ("everything", "dungeonfighter-ingress", "queue", 6379),
    ("everything", "Job migrate", DATABASE, 5432),
    ("everything", "Job first-token", DATABASE, 5432),
    ("everything", MONITORING, "dungeonfighter", 9000),
    ("everything", MONITORING, "dungeonfighter-ingress", 9464),
    ("everything", MONITORING, "haproxy", 8404),
    ("everything", MONITORING, DATABASE, 9187),
    ("everything", OPERATOR, DATABASE, 8000),
    ("everything", OPERATOR, DATABASE, 5432),
    ("everything", DATABASE, DATABASE, 5432),
    ("everything", DATABASE, DATABASE, 8000),
    ("everything", DATABASE, OUTSIDE, 443),
    ("everything", DATABASE, OUTSIDE, 6443),
    ("gateway", GATEWAY, "dungeonfighter", 8000),
]


@pytest.mark.parametrize(("name", "source", "target", "port"), CONNECTIONS)
def test_the_policies_let_a_declared_connection_through(
    name: str, source: Peer | str, target: Peer | str, port: int
) -> None:
    assert allowed(rendered(name), *ends(rendered(name), source, target), port)


@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
@pytest.mark.parametrize("server", [NAMES, NAMES_OF_NODE], ids=["cluster", "node"])
def test_every_pod_may_ask_for_names(server: Peer, protocol: str) -> None:
    overlay = rendered("everything")
    names = [pod.name for pod in overlay.pods()] + ["Job migrate", "Job first-token"]
    for source in [*(peer(overlay, name) for name in names), DATABASE, STRANGER]:
        assert allowed(overlay, source, server, 53, protocol)


REFUSED: Final[list[tuple[str, Peer | str, Peer | str, int]]] = [
    ("everything", OUTSIDE, "dungeonfighter", 8000),
    ("everything", OUTSIDE, "dungeonfighter", 9000),
    ("everything", OUTSIDE, "haproxy", 8404),
    ("everything", STRANGER, "dungeonfighter", 8000),
    ("everything", STRANGER, DATABASE, 5432),
    ("everything", STRANGER, "valkey", 6379),
    ("everything", STRANGER, OUTSIDE, 443),
    ("everything", OTHER_NAMESPACE, "dungeonfighter", 8000),
    ("everything", MONITORING, "dungeonfighter", 8000),
    ("everything", "haproxy", DATABASE, 5432),
    ("everything", "valkey", "dungeonfighter", 8000),
    ("everything", "dungeonfighter", OUTSIDE, 443),
    ("everything", "dungeonfighter", "queue", 6379),
    ("everything", "Job first-token", "valkey", 6379),
    ("overlays/prod", GATEWAY, "dungeonfighter", 8000),
]


@pytest.mark.parametrize(("name", "source", "target", "port"), REFUSED)
def test_the_policies_refuse_other_connections(
    name: str, source: Peer | str, target: Peer | str, port: int
) -> None:
    assert not allowed(rendered(name), *ends(rendered(name), source, target), port)


@pytest.mark.parametrize("name", SCALED)
def test_no_pod_is_left_without_a_policy(name: str) -> None:
    deny = rendered(name).one("NetworkPolicy", "default-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
