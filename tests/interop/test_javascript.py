"""Unmodified aws-sdk 2.1636 for JavaScript, the last that carried the service, makes a full round trip on Node.js."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.interop.environments import node, node_modules
from tests.interop.live_service import LiveService

PROJECT = Path(__file__).resolve().parent / "javascript"
PROGRAM = PROJECT / "round_trip.js"
CHECKS = re.findall(r"^  async (\w+)\(\) \{$", PROGRAM.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def outcomes(service: LiveService) -> dict[str, Any]:
    environment = {
        **os.environ,
        "NODE_PATH": str(node_modules(PROJECT)),
        "HOLDFAST_URL": service.endpoint.url,
        "HOLDFAST_MODELS": service.models(),
        "AWS_ACCESS_KEY_ID": service.endpoint.access_key_id,
        "AWS_SECRET_ACCESS_KEY": service.endpoint.secret_access_key,
    }
    ran = subprocess.run([node(), PROGRAM], env=environment, capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, f"{ran.stderr}\nThe service said:\n{service.log()}"
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert lines[0]["sdk"] == "2.1636.0"
    return {line["check"]: line["trouble"] for line in lines[1:]}


@pytest.mark.parametrize("check", CHECKS)
def test_javascript(outcomes: dict[str, Any], service: LiveService, check: str) -> None:
    assert outcomes[check] is None, f"\n{outcomes[check]}\nThe service said:\n{service.log()[-2500:]}"


def test_the_program_has_checks() -> None:
    assert len(CHECKS) >= 6
