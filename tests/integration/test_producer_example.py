"""The example of docs/ingress.md, "A producer in Python", runs as it stands there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from testkit.ingress_process import IngressProcess
from testkit.redis_server import RedisServer, redis_program
from testkit.server_process import ROOT
from tests.integration.documented import blocks
from tests.parts import program


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip


@pytest.mark.long
async def test_the_example_plays_twice(tmp_path: Path) -> None:
    example, _ = blocks("ingress.md", "A producer in Python")
    file = tmp_path / "producer.py"
    file.write_text(example, encoding="utf-8")
    with RedisServer(redis_program() or program("redis-server", part="redis"), tmp_path) as redis:
        async with IngressProcess(tmp_path, redis.url):
            for episode in (1, 2):
                done = await asyncio.to_thread(run, [str(file), redis.url])
                assert done.returncode == 0, done.stderr
                lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
                assert len(lines) == 100
                assert lines["bot-7"].startswith(f"e{episode} t20 |")
