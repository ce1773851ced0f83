"""What `config check` says of the certificate and of the machine's limits."""

import resource
from pathlib import Path

import pytest

from holdfast.app.checks.process import open_files, tls
from holdfast.app.config import Flags, gather_from
from holdfast.app.config_check import Finding, check
from holdfast.app.option_sources import Sources
from holdfast.model.clock import SystemClock
from holdfast.server.tls import Tls
from tests.server.certificates import write_pair


def test_a_certificate_is_loaded_as_a_start_would_load_it(tmp_path: Path):
    pair, other = write_pair(tmp_path), write_pair(tmp_path, name="other")
    [good] = tls(pair, SystemClock())
    assert good.verdict == "ok"
    [wrong] = tls(Tls(pair.certificate, other.key), SystemClock())
    assert (wrong.verdict, "does not belong" in wrong.text) == ("failed", True)
    [old] = tls(write_pair(tmp_path, valid_days=(-2, -1)), SystemClock())
    assert (old.verdict, "expired" in old.text, old.remedy) == ("warning", True, "renew it")


def test_the_check_of_all_options_tries_the_certificate(tmp_path: Path):
    pair = write_pair(tmp_path, passphrase=b"secret")
    flags = Flags(data=str(tmp_path / "store"), tls_cert=str(pair.certificate), tls_key=str(pair.key))
    sources = Sources(flags, {})
    found: list[Finding] = list(check(gather_from(sources), sources, {}))
    assert [(each.verdict, "is encrypted" in each.text) for each in found if each.part == "tls"] == [("failed", True)]
    assert len([each for each in found if each.part == "open files"]) == 1


@pytest.mark.parametrize(
    ("soft", "hard", "verdict"),
    [(1024, 1024, "warning"), (1024, 8192, "ok"), (1024, resource.RLIM_INFINITY, "ok"), (65536, 65536, "ok")],
)
def test_a_hard_limit_of_open_files_that_is_too_low_is_a_warning(soft: int, hard: int, verdict: str):
    [found] = open_files((soft, hard))
    assert found.verdict == verdict
