"""Unmodified boto3, the last release that carried the service and today's, does everything the nine operations offer.

Each release runs `tests.interop.round_trip` once, in its own process; every check of it is a test here.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.interop.environments import python_environment
from tests.interop.live_service import LiveService
from tests.interop.round_trip import CHECKS

TOP = Path(__file__).resolve().parent.parent.parent
RELEASES = ["last-with-service", "newest"]


@pytest.fixture(scope="module")
def outcomes(service: LiveService) -> "Outcomes":
    return Outcomes(service)


class Outcomes:
    """What each release's run said, run on first demand."""

    def __init__(self, service: LiveService) -> None:
        self._service = service
        self._runs: dict[str, dict[str, Any]] = {}

    def of(self, release: str) -> dict[str, Any]:
        if release not in self._runs:
            python = Path(sys.executable) if release == "newest" else python_environment("boto3-last-with-service")
            self._runs[release] = self._run(python)
        return self._runs[release]

    def _run(self, python: Path) -> dict[str, Any]:
        environment = {**os.environ, **self._service.endpoint.environment(), "HOLDFAST_MODELS": self._service.models()}
        command = [python, "-m", "tests.interop.round_trip"]
        ran = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, timeout=280)
        assert ran.returncode == 0, f"{ran.stderr}\nThe service said:\n{self._service.log()}"
        lines = [json.loads(line) for line in ran.stdout.splitlines()]
        return {"release": lines[0]} | {line["check"]: line for line in lines[1:]}


@pytest.mark.parametrize("release", RELEASES)
def test_the_release_is_the_one_that_is_meant(outcomes: Outcomes, release: str) -> None:
    told = outcomes.of(release)["release"]
    if release == "last-with-service":
        assert told == {"boto3": "1.34.124", "carries_the_service": True}
    else:
        assert tuple(map(int, told["boto3"].split(".")[:2])) >= (1, 44)
        assert told["carries_the_service"] is False  # it needs our models, and gets them


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("check", [check.__name__ for check in CHECKS])
def test_boto3(outcomes: Outcomes, release: str, check: str) -> None:
    trouble = outcomes.of(release)[check]["trouble"]
    assert trouble is None, f"\n{trouble}\nThe service said:\n{outcomes._service.log()[-2500:]}"
