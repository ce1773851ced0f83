"""An address of its own for those who watch the service."""

import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.cli.serving import serving, wait_for


def ask(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=120) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_metrics_are_only_on_the_address_for_those_who_watch_and_health_is_on_both(tmp_path: Path, workers: str):
    with serving(tmp_path / "store", "--ops-listen", "127.0.0.1:0", "--workers", workers) as service:
        ready = re.compile(r'"ops":"(http://[^"]+)"')
        wait_for(lambda: ready.search(service.log.read_text()))
        ops = ready.search(service.log.read_text())[1]
        assert ask(f"{ops}/health/live") == ask(f"{service.url}/health/live") == (200, "alive\n")
        assert ask(f"{ops}/health/ready")[0] == ask(f"{service.url}/health/ready")[0] == 200
        page = ask(f"{ops}/metrics")[1]
        assert "holdfast_connections" in page
        assert "holdfast_deduplicated_bytes_total" in page
        assert ask(f"{service.url}/metrics")[0] == 403
        status, answer = ask(f"{ops}/backup-vaults/")
        assert status == 404
        assert "/metrics" in answer
        assert service.terminate() == 0
