"""The profiles of compose.yaml keep their promises, and so do the files of Grafana and Filebeat."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from testkit.dashboard.panels import MIN_INTERVAL
from tests.unit.house.sources import ROOT

PROFILES: Final = {
    "observability": {"prometheus", "alertmanager", "blackbox", "grafana", "jaeger"},
    "logs": {"filebeat", "elasticsearch", "kibana"},
}
WITHOUT_PROFILE: Final = {"postgres", "valkey", "migrate", "server-1", "server-2", "haproxy"}
DEPLOY: Final = ROOT / "deploy"
KEYS: Final = {
    "grafana/provisioning/datasources/datasources.yml": """
        apiVersion datasources
        name uid type access url isDefault editable jsonData
        httpMethod prometheusType timeInterval exemplarTraceIdDestinations datasourceUid implementation
    """,
    "grafana/provisioning/dashboards/dashboards.yml": """
        apiVersion providers
        name folder type disableDeletion allowUiUpdates updateIntervalSeconds
        options path foldersFromFilesStructure
    """,
    "filebeat/filebeat.yml": """
        filebeat.inputs type id paths message_max_bytes clean_removed close.on_state_change.renamed
        prospector.scanner.check_interval prospector.scanner.fingerprint enabled offset length
        file_identity.fingerprint
        parsers ndjson target overwrite_keys expand_keys add_error_key
        processors fingerprint when has_fields fields target_field method drop_fields ignore_missing
        queue.disk max_size
        output.elasticsearch hosts backoff init max non_indexable_policy.dead_letter_index index
        setup.template.settings index.number_of_shards index.number_of_replicas
        setup.ilm policy_name policy_file overwrite
        logging.level
    """,
}
"""The settings that these files may have, by the documents of Grafana 13 and of Filebeat 9."""
COMPOSE: Final = (ROOT / "compose.yaml").read_text(encoding="utf-8")
EXAMPLE: Final = (ROOT / ".env.example").read_text(encoding="utf-8")
SERVICES: Final[dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
WATCHERS: Final = sorted(name for names in PROFILES.values() for name in names)


def read(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text(encoding="utf-8"))


def keys_of(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from map(str, node)
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from keys_of(each)


def test_a_start_without_a_profile_starts_what_it_always_did() -> None:
    assert {name for name, one in SERVICES.items() if not one.get("profiles")} == WITHOUT_PROFILE
    for profile, names in PROFILES.items():
        assert {name for name, one in SERVICES.items() if one.get("profiles") == [profile]} == names


@pytest.mark.parametrize("name", WATCHERS)
def test_a_watcher_is_pinned_checked_confined_and_only_for_this_machine(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", service["image"])
    assert service["healthcheck"]["test"]
    assert service["cap_drop"] == ["ALL"]
    assert service.get("user") != "root"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    mounted = [volume for volume in service.get("volumes", ()) if volume.startswith("./")]
    assert all(volume.endswith(":ro") and (ROOT / volume.split(":")[0]).exists() for volume in mounted)


def test_what_is_kept_has_an_end() -> None:
    assert {"--storage.tsdb.retention.time=30d", "--storage.tsdb.retention.size=8GB"} <= {
        *SERVICES["prometheus"]["command"]
    }
    assert SERVICES["jaeger"]["mem_limit"]
    phases = json.loads((DEPLOY / "filebeat" / "retention.json").read_text("utf-8"))["policy"]["phases"]
    assert phases["delete"] == {"min_age": "14d", "actions": {"delete": {}}}


def test_nobody_logs_in_to_grafana_with_a_known_password() -> None:
    environ = SERVICES["grafana"]["environment"]
    assert environ["GF_SECURITY_ADMIN_PASSWORD"] == "${GRAFANA_PASSWORD:-}"
    assert environ["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert "\nGRAFANA_PASSWORD=\n" in EXAMPLE


def test_every_variable_of_compose_is_explained() -> None:
    used = set(re.findall(r"\$\{([A-Z_0-9]+)", (ROOT / "compose.yaml").read_text(encoding="utf-8")))
    named = set(
        re.findall(r"^([A-Z_0-9]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    )
    text = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    assert named <= used | {"COMPOSE_PROFILES"}
    assert {name for name in used - named - {"DUNGEONFIGHTER_TAG"} if f"`{name}`" not in text} == set()


def test_the_commands_of_the_document_change_lines_that_exist() -> None:
    text = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    changed = re.findall(r"""sed -i "s[/#]\^([A-Z_]+)=""", text)
    assert len(changed) == len(re.findall(r"^sed -i .* \.env$", text, re.MULTILINE))
    assert all(re.search(rf"^{name}=", EXAMPLE, re.MULTILINE) for name in changed)


def test_the_document_sets_the_address_of_the_runbook(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    commands = re.search(r"^```\n(base=.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert commands
    shutil.copytree(DEPLOY / "prometheus", tmp_path / "deploy" / "prometheus")
    shutil.copytree(DEPLOY / "grafana", tmp_path / "deploy" / "grafana")
    subprocess.run(["sh", "-euc", commands[1]], cwd=tmp_path, check=True)
    base = commands[1].splitlines()[0].removeprefix("base=")
    scraping = yaml.safe_load((tmp_path / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    assert scraping["global"]["external_labels"] == {"runbook_base": base}
    shown = json.loads((tmp_path / "deploy/grafana/dungeonfighter.json").read_text("utf-8"))
    expected = json.loads((DEPLOY / "grafana" / "dungeonfighter.json").read_text("utf-8"))
    expected["templating"]["list"][-1]["query"] = base
    assert shown == expected


@pytest.mark.parametrize("path", KEYS)
def test_a_file_has_only_settings_that_its_program_knows(path: str) -> None:
    assert set(keys_of(read(path))) <= set(KEYS[path].split())


def test_the_files_agree_with_each_other() -> None:
    by_uid = {
        one["uid"]: one for one in read("grafana/provisioning/datasources/datasources.yml")["datasources"]
    }
    prometheus = by_uid["prometheus"]["jsonData"]
    interval = read("prometheus/prometheus.yml")["global"]["scrape_interval"]
    assert prometheus["timeInterval"] == interval == MIN_INTERVAL
    assert {one["datasourceUid"] for one in prometheus["exemplarTraceIdDestinations"]} <= by_uid.keys()
    for one in by_uid.values():
        host = one["url"].removeprefix("http://").split(":")[0]
        assert "watch" in SERVICES[host]["networks"]
    place = Path(read("grafana/provisioning/dashboards/dashboards.yml")["providers"][0]["options"]["path"])
    mounts = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert str(place / "dungeonfighter.json") in mounts


def test_filebeat_loses_no_line_and_keeps_none_twice() -> None:
    settings = read("filebeat/filebeat.yml")
    assert settings["queue.disk"]["max_size"]
    assert "max_retries" not in set(keys_of(settings)), "Filebeat tries for ever"
    assert settings["processors"][0]["fingerprint"]["target_field"] == "@metadata._id"
    (one,) = settings["filebeat.inputs"]
    assert one["parsers"] == [
        {"ndjson": {"target": "", "overwrite_keys": True, "expand_keys": False, "add_error_key": True}}
    ]
    assert one["paths"] == ["/var/log/dungeonfighter/server*.log"]
