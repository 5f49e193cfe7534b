"""Times and numbers of deploy/kubernetes that depend on each other agree: stops, rollouts, scaling."""

from __future__ import annotations

import re
from typing import Final

import pytest
import yaml

from dungeonfighter import limits
from dungeonfighter.serving.composition import close_seconds_max
from dungeonfighter.serving.server import FINISH_SECONDS_MAX, SPARE_SECONDS
from dungeonfighter.serving.supervisor import PAUSE_SECONDS_MAX
from dungeonfighter.settings import Settings
from tests.manifests import DEPLOY, OVERLAYS, Manifest, matches, rendered

DNS_SECONDS_MAX: Final = 30
"""How long CoreDNS and NodeLocal DNSCache keep an answer by default."""
ACTIVE_SECONDS: Final = 60
"""How long a bot counts as active after a turn (docs/metrics.md, "mcp_active_bots")."""

every_overlay = pytest.mark.parametrize("name", OVERLAYS)
every_scaled_overlay = pytest.mark.parametrize("name", [one for one in OVERLAYS if "dev" not in one])


def servers(name: str) -> Manifest:
    found: Manifest = rendered(name).one("Deployment", "dungeonfighter")["spec"]
    return found


def pre_stop_seconds(pod: Manifest) -> int:
    (container,) = pod["containers"]
    return int(container["lifecycle"]["preStop"]["sleep"]["seconds"])


def haproxy_seconds(directive: str) -> int:
    """Return a time of haproxy.cfg in seconds."""
    found = re.search(rf"\b{directive} (\d+)s", (DEPLOY / "haproxy" / "haproxy.cfg").read_text("utf-8"))
    assert found, directive
    return int(found[1])


def haproxy_variables(name: str) -> dict[str, str]:
    (container,) = rendered(name).one("Deployment", "haproxy")["spec"]["template"]["spec"]["containers"]
    return {one["name"]: one.get("value", "") for one in container["env"]}


@every_overlay
def test_the_longest_stop_of_a_server_ends_before_the_grace_period(name: str) -> None:
    pod = servers(name)["template"]["spec"]
    drain = float(rendered(name).settings()["DRAIN_SECONDS"])
    work = FINISH_SECONDS_MAX + SPARE_SECONDS + close_seconds_max(Settings()) + PAUSE_SECONDS_MAX
    assert pre_stop_seconds(pod) + drain + work < pod["terminationGracePeriodSeconds"]


@every_overlay
def test_everybody_notices_that_a_server_is_not_ready_before_it_stops(name: str) -> None:
    drain = float(rendered(name).settings()["DRAIN_SECONDS"])
    (container,) = servers(name)["template"]["spec"]["containers"]
    probe = container["readinessProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] < drain
    checks = re.search(r"check inter (\d+)s fall (\d+)", (DEPLOY / "haproxy/haproxy.cfg").read_text("utf-8"))
    assert checks
    assert int(checks[1]) * int(checks[2]) + haproxy_seconds("timeout check") < drain


@every_overlay
def test_a_rollout_goes_on_when_every_haproxy_knows_the_new_server(name: str) -> None:
    """Until the cache of the cluster's DNS is over, HAProxy has the former addresses only."""
    spec = servers(name)
    assert spec["minReadySeconds"] > DNS_SECONDS_MAX + 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@every_overlay
def test_a_server_that_waits_for_its_database_is_neither_killed_nor_given_up(name: str) -> None:
    spec = servers(name)
    waits = float(rendered(name).settings()["STARTUP_TIMEOUT"])
    (container,) = spec["template"]["spec"]["containers"]
    assert container["startupProbe"]["httpGet"]["path"] == "/livez"
    assert waits + spec["minReadySeconds"] < spec["progressDeadlineSeconds"]


@pytest.mark.parametrize("name", ["overlays/dev", "overlays/prod"])
def test_haproxy_may_wait_for_its_last_client(name: str) -> None:
    pod = rendered(name).one("Deployment", "haproxy")["spec"]["template"]["spec"]
    stop = pre_stop_seconds(pod) + haproxy_seconds("hard-stop-after")
    assert stop < pod["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("name", ["overlays/dev", "overlays/prod"])
def test_haproxy_asks_the_ports_of_the_servers_by_their_whole_name(name: str) -> None:
    ports = {
        one["name"]: one["port"]
        for one in rendered(name).one("Service", "dungeonfighter-pods")["spec"]["ports"]
    }
    variables = haproxy_variables(name)
    assert rendered(name).one("Service", "dungeonfighter-pods")["spec"]["clusterIP"] == "None"
    assert variables["SERVERS"] == f"dungeonfighter-pods.$(NAMESPACE).svc.cluster.local:{ports['game']}"
    assert variables["CHECK_PORT"] == str(ports["admin"])


def test_an_overlay_without_autoscaler_has_the_number_of_servers_that_it_names() -> None:
    assert rendered("overlays/dev").settings()["REPLICAS"] == "1"
    assert not rendered("overlays/dev").of_kind("HorizontalPodAutoscaler")


@every_scaled_overlay
def test_the_autoscaler_owns_the_number_of_servers(name: str) -> None:
    (scaler,) = rendered(name).of_kind("HorizontalPodAutoscaler")
    target = scaler["spec"]["scaleTargetRef"]
    found = rendered(name).one(target["kind"], target["name"])
    assert found["apiVersion"] == target["apiVersion"]
    assert "replicas" not in found["spec"]
    assert rendered(name).settings()["REPLICAS"] == str(scaler["spec"]["minReplicas"])


@every_scaled_overlay
def test_the_autoscaler_removes_one_server_at_a_time_and_does_not_follow_a_rollout(name: str) -> None:
    (scaler,) = rendered(name).of_kind("HorizontalPodAutoscaler")
    down, up = (scaler["spec"]["behavior"][one] for one in ("scaleDown", "scaleUp"))
    grace = servers(name)["template"]["spec"]["terminationGracePeriodSeconds"]
    assert down["stabilizationWindowSeconds"] >= grace >= float(rendered(name).settings()["DRAIN_SECONDS"])
    assert [(one["type"], one["value"]) for one in down["policies"]] == [("Pods", 1)]
    assert down["policies"][0]["periodSeconds"] >= grace
    assert up["stabilizationWindowSeconds"] >= ACTIVE_SECONDS + servers(name)["minReadySeconds"]


@every_scaled_overlay
def test_the_autoscaler_asks_for_what_the_adapter_has(name: str) -> None:
    (scaler,) = rendered(name).of_kind("HorizontalPodAutoscaler")
    values = yaml.safe_load(
        (DEPLOY / "kubernetes/components/autoscaling/prometheus-adapter.yaml").read_text()
    )
    kinds = {one["type"]: one for one in scaler["spec"]["metrics"]}
    assert kinds.keys() == {"Resource", "Pods"}
    assert [one["name"]["as"] for one in values["rules"]["custom"]] == [
        kinds["Pods"]["pods"]["metric"]["name"]
    ]


@every_scaled_overlay
def test_the_adapter_looks_for_metrics_no_more_often_than_they_are_scraped(name: str) -> None:
    values = yaml.safe_load(
        (DEPLOY / "kubernetes/components/autoscaling/prometheus-adapter.yaml").read_text()
    )
    monitor = rendered(name).one("ServiceMonitor", "dungeonfighter")
    scrapes = [seconds(one["interval"]) for one in monitor["spec"]["endpoints"]]
    assert seconds(values["metricsRelistInterval"]) >= max(scrapes)


def seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


def test_haproxy_has_places_for_all_servers_of_a_rollout() -> None:
    assert int(haproxy_variables("overlays/prod")["SERVERS_MAX"]) >= most_servers("overlays/prod")


@every_scaled_overlay
def test_postgresql_has_connections_for_all_servers_of_a_rollout(name: str) -> None:
    settings = rendered(name).settings()
    cluster = rendered(name).one("Cluster", "games")
    pools = most_servers(name) * int(settings["WORKERS"]) * int(settings["DB_POOL_SIZE"])
    besides = 5 * most_servers(name) + 20
    assert pools + besides <= int(cluster["spec"]["postgresql"]["parameters"]["max_connections"])
    assert int(settings["DB_POOL_SIZE"]) <= limits.db_pool_size_most


def most_servers(name: str) -> int:
    (scaler,) = rendered(name).of_kind("HorizontalPodAutoscaler")
    return int(scaler["spec"]["maxReplicas"] + servers(name)["strategy"]["rollingUpdate"]["maxSurge"])


@every_overlay
def test_a_node_drain_takes_one_pod_of_each_kind_and_never_waits_for_a_broken_one(name: str) -> None:
    overlay = rendered(name)
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in overlay.of_kind("HorizontalPodAutoscaler")}
    for pod in overlay.pods():
        several = pod.name in scaled or overlay.one(pod.kind, pod.name)["spec"].get("replicas", 1) > 1
        budgets = [
            one["spec"]
            for one in overlay.of_kind("PodDisruptionBudget")
            if matches(one["spec"]["selector"], pod.labels)
        ]
        assert len(budgets) <= 1, pod
        assert budgets or not several, pod
        for budget in budgets:
            assert budget["maxUnavailable"] == 1
            assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


@every_overlay
def test_every_budget_selects_pods(name: str) -> None:
    pods = rendered(name).pods()
    for budget in rendered(name).of_kind("PodDisruptionBudget"):
        assert any(matches(budget["spec"]["selector"], pod.labels) for pod in pods), budget["metadata"]


@every_scaled_overlay
def test_an_answered_turn_is_on_two_instances(name: str) -> None:
    spec = rendered(name).one("Cluster", "games")["spec"]
    assert spec["instances"] >= 3
    assert spec["postgresql"]["synchronous"] == {
        "method": "any", "number": 1, "dataDurability": "required", "failoverQuorum": True,
    }  # fmt: skip
    assert spec["smartShutdownTimeout"] < spec["stopDelay"]


@every_scaled_overlay
def test_backups_are_made_by_the_plugin_that_archives_the_log(name: str) -> None:
    (backup,) = (one["spec"] for one in rendered(name).of_kind("ScheduledBackup"))
    (store,) = rendered(name).of_kind("ObjectStore")
    spec = rendered(name).one("Cluster", backup["cluster"]["name"])["spec"]
    (archiver,) = (one for one in spec["plugins"] if one["isWALArchiver"])
    assert backup["method"] == "plugin"
    assert backup["pluginConfiguration"]["name"] == archiver["name"]
    assert archiver["parameters"]["barmanObjectName"] == store["metadata"]["name"]
    assert archiver["parameters"]["serverName"]
    assert len(backup["schedule"].split()) == 6


@every_scaled_overlay
def test_the_servers_use_the_database_that_the_operator_makes(name: str) -> None:
    cluster = rendered(name).one("Cluster", "games")
    (container,) = servers(name)["template"]["spec"]["containers"]
    variables = {one["name"]: one for one in container["env"]}
    made = cluster["spec"]["bootstrap"]["initdb"]
    who = f"postgresql://{made['owner']}:$(DB_PASSWORD)@"
    tail = f":5432/{made['database']}?sslmode=verify-full&sslrootcert=/run/secrets/database/ca.crt"
    assert variables["DB_CONNECTION_STRING"]["value"] == f"{who}games-rw{tail}"
    assert variables["READ_DB_CONNECTION_STRING"]["value"] == f"{who}games-ro{tail}"
    assert variables["DB_PASSWORD"]["valueFrom"]["secretKeyRef"] == {"name": "games-app", "key": "password"}
