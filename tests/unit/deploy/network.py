"""The network policies of a rendering, as a network that enforces them reads them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Final

from tests.manifests import Manifest, Rendered, matches

NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Peer:
    """One end of a connection: pods with labels in a namespace, or an address outside of all pods.

    Args:
        namespace: "" for that of the game.
        labels: The labels of the pods.
        address: An IPv4 address, for a peer that is no pod.
        ports: The numbers of named ports.
    """

    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    address: str = ""
    ports: dict[str, int] = field(default_factory=dict)


def allowed(overlay: Rendered, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Return True if the policies let a connection out of its source and into its target."""
    policies = [one["spec"] for one in overlay.of_kind("NetworkPolicy")]
    return all(
        _passes(policies, end, other, direction, target, port, protocol)
        for end, other, direction in ((source, target, "Egress"), (target, source, "Ingress"))
        if not end.namespace and not end.address
    )


def _passes(
    policies: list[Manifest], end: Peer, other: Peer, direction: str, target: Peer, port: int, protocol: str
) -> bool:
    side = {"Egress": "to", "Ingress": "from"}[direction]
    chosen = [
        policy
        for policy in policies
        if direction in policy["policyTypes"] and matches(policy["podSelector"], end.labels)
    ]
    rules = [rule for policy in chosen for rule in policy.get(direction.lower(), [])]
    return not chosen or any(
        _names(rule.get(side), other) and _opens(rule.get("ports"), target, port, protocol) for rule in rules
    )


def _names(peers: list[Manifest] | None, other: Peer) -> bool:
    return peers is None or any(_is_peer(peer, other) for peer in peers)


def _is_peer(peer: Manifest, other: Peer) -> bool:
    if "ipBlock" in peer:
        network = ipaddress.ip_network(peer["ipBlock"]["cidr"])
        return bool(other.address) and ipaddress.ip_address(other.address) in network
    if other.address:
        return False
    at_home = not other.namespace
    in_space = (
        matches(peer["namespaceSelector"], {NAMESPACE_LABEL: other.namespace})
        if "namespaceSelector" in peer
        else at_home
    )
    return in_space and matches(peer.get("podSelector", {}), other.labels)


def _opens(ports: list[Manifest] | None, target: Peer, port: int, protocol: str) -> bool:
    return ports is None or any(
        one["protocol"] == protocol and target.ports.get(str(one["port"]), one["port"]) == port
        for one in ports
    )
