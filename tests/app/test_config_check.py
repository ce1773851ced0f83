"""What a check says of each part by itself, on the real part."""

import http.server
import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from holdfast.app.build import System
from holdfast.app.checks import blobs, catalog, clock, keys
from holdfast.app.checks.finding import Finding
from holdfast.app.config import Flags, StoreOptions, gather_from
from holdfast.app.config_check import check
from holdfast.app.option_sources import Sources
from holdfast.app.unlock import PassphraseSource, Unlock
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.s3_options import S3Options
from holdfast.model.clock import SystemClock
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics

SECOND = 1_000_000


@pytest.fixture
def store(tmp_path: Path) -> Path:
    directory = tmp_path / "store"
    System(StoreOptions(directory, reserve_bytes=0), Metrics(), open_log("error")).close()
    return directory


def found(directory: Path, environ: dict[str, str] | None = None, **flags: str) -> list[Finding]:
    sources = Sources(Flags(data=str(directory), **flags), environ or {})
    return list(check(gather_from(sources), sources, environ or {}))


def verdicts(findings: list[Finding], part: str) -> list[str]:
    return [finding.verdict for finding in findings if finding.part == part]


def state(directory: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path.relative_to(directory)): (path.stat().st_mtime_ns, path.stat().st_mode, path.read_bytes())
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_a_store_is_found_good_and_nothing_in_it_changes(store: Path):
    before = state(store)
    # How many files may be open is the test machine's business.
    findings = [finding for finding in found(store) if finding.part != "open files"]
    assert {finding.verdict for finding in findings} == {"ok"}
    assert {finding.part for finding in findings} == {"options", "directory", "catalog", "clock", "keys", "access key"}
    assert state(store) == before


def test_a_store_that_is_being_served_is_found_good_too(store: Path):
    with closing(System(StoreOptions(store, reserve_bytes=0), Metrics(), open_log("error"), background=False)):
        assert {finding.verdict for finding in found(store)} == {"ok"}


def test_where_there_is_no_store_none_is_made(tmp_path: Path):
    findings = found(tmp_path / "not" / "yet")
    assert {finding.verdict for finding in findings} == {"ok"}
    assert sum("will be made at the first start" in finding.text for finding in findings) == 4
    assert os.listdir(tmp_path) == []


def test_a_root_key_that_is_missing_damaged_or_another_is_a_failure(store: Path, tmp_path: Path):
    key = store / "root.key"
    right = key.read_bytes()
    System(StoreOptions(tmp_path / "other", reserve_bytes=0), Metrics(), open_log("error")).close()
    for content, said in (
        (None, "there is no root key"),
        (b"rubbish", "not a root key of this version, or damaged"),
        ((tmp_path / "other" / "root.key").read_bytes(), "is wrapped by the root key"),
    ):
        key.unlink(missing_ok=True)
        if content is not None:
            key.write_bytes(content)
        [finding] = [finding for finding in found(store) if finding.part == "keys"]
        assert finding.verdict == "failed"
        assert said in finding.text
    key.write_bytes(right)
    elsewhere = tmp_path / "mounted"
    key.rename(elsewhere)
    assert verdicts(found(store, root_key_file=str(elsewhere)), "keys") == ["ok"]
    assert verdicts(found(store, root_key_file=str(tmp_path / "none")), "keys") == ["failed"]


def test_a_key_of_a_vault_that_does_not_open_is_a_failure(store: Path):
    [record] = [path for path in (store / "blobs" / "keys").rglob("*.*") if path.is_file()]
    sealed = record.read_bytes()
    record.chmod(0o600)
    record.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    [finding] = [finding for finding in found(store) if finding.part == "keys"]
    assert finding.verdict == "failed"
    assert "does not open" in finding.text


def test_a_pass_phrase_is_tried_and_its_file_is_named_where_it_cannot_be_read(tmp_path: Path):
    unlock = Unlock(passphrase=PassphraseSource(text="correct horse"))
    System(StoreOptions(tmp_path / "s", reserve_bytes=0, unlock=unlock), Metrics(), open_log("error")).close()
    for environ, said in (
        ({}, "HOLDFAST_PASSPHRASE"),
        ({"HOLDFAST_PASSPHRASE": "wrong"}, "does not open root.key"),
        ({"HOLDFAST_PASSPHRASE_FILE": str(tmp_path / "none")}, f"{tmp_path}/none, which cannot be read"),
    ):
        [finding] = [finding for finding in found(tmp_path / "s", environ) if finding.part == "keys"]
        assert finding.verdict == "failed"
        assert said in finding.text
    findings = found(tmp_path / "s", {"HOLDFAST_PASSPHRASE": "correct horse"})
    assert verdicts(findings, "keys") == ["ok"]
    assert "correct horse" not in str(findings)


def test_a_lost_damaged_or_newer_catalog_is_a_failure(store: Path):
    file = store / "catalog"
    kept = file.read_bytes()
    file.write_bytes(kept[:60] + (99).to_bytes(4, "big") + kept[64:])
    [finding] = [finding for finding in found(store) if finding.part == "catalog"]
    assert finding.verdict == "failed"
    assert "is damaged" in finding.text
    file.write_bytes(b"rubbish" * 1000)
    assert verdicts(found(store), "catalog") == ["failed"]
    file.unlink()
    LocalBlobs(store / "blobs").put(f"packs/{'0' * 32}/{'1' * 32}", b"a pack")
    [finding] = [finding for finding in found(store) if finding.part == "catalog"]
    assert finding.verdict == "failed"
    assert "holdfast rebuild" in finding.text


def test_a_directory_of_others_or_open_to_others_is_a_failure(store: Path, tmp_path: Path):
    store.chmod(0o755)
    assert verdicts(found(store), "directory") == ["failed"]
    other = tmp_path / "home"
    other.mkdir()
    (other / "letter").touch()
    [finding] = blobs.directory(other, holds_packs=True)
    assert (finding.verdict, os.listdir(other)) == ("failed", ["letter"])
    assert "holds other files and no store" in finding.text


def test_a_directory_that_cannot_be_written_to_is_a_failure():
    # There not even root can.
    [finding] = blobs.directory(Path("/proc/self/task/store"), holds_packs=True)
    assert finding.verdict == "failed"
    assert "cannot be written to" in finding.text


def test_an_access_key_that_is_missing_or_open_to_others_is_a_failure(store: Path, tmp_path: Path):
    assert [each.verdict for each in keys.access_key(StoreOptions(store))] == ["ok"]
    [finding] = keys.access_key(StoreOptions(store, credentials_file=tmp_path / "none"))
    assert finding.verdict == "failed"
    (store / "credentials").write_text("[default]\n")
    assert [each.verdict for each in keys.access_key(StoreOptions(store))] == ["failed"]


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0, "ok"), (-4, "ok"), (6, "warning"), (-299, "warning"), (301, "failed"), (-9999, "failed")],
)
def test_a_clock_may_be_a_few_seconds_off_and_not_five_minutes(seconds: int, verdict: str):
    assert clock.clock("the database", seconds * SECOND).verdict == verdict


class Dated(http.server.BaseHTTPRequestHandler):
    date = "Mon, 01 Jan 2024 00:00:00 GMT"

    def do_HEAD(self) -> None:
        self.send_response_only(403)
        self.send_header("Date", self.date)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def dated(date: str) -> Iterator[str]:
    handler = type("At", (Dated,), {"date": date})
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_clock_of_a_bucket_that_refuses_what_we_sign_is_read_from_its_refusal():
    with dated("Mon, 01 Jan 2024 00:00:00 GMT") as endpoint:
        ahead_us = clock.bucket_ahead(S3Options("bucket", endpoint=endpoint), SystemClock())
    assert ahead_us is not None
    assert clock.clock("the bucket", ahead_us).verdict == "failed"
    with dated("yesterday") as endpoint:
        assert clock.bucket_ahead(S3Options("bucket", endpoint=endpoint), SystemClock()) is None
    assert clock.bucket_ahead(S3Options("bucket", endpoint=endpoint), SystemClock()) is None


def test_what_is_said_in_vain_or_goes_together_badly_is_a_warning(tmp_path: Path):
    config = tmp_path / "o.toml"
    config.write_text(f'data = "{tmp_path}/s"\npassphrase = "of the file"\n')
    config.chmod(0o644)
    environ = {
        "HOLDFAST_CONFIG": str(config),
        "HOLDFAST_S3_ENDPOINT": "http://127.0.0.1:1",
        "HOLDFAST_CATALOG_SCHEMA": "other",
        "HOLDFAST_TREADS": "3",
    }
    sources = Sources(Flags(), environ)
    warnings = [each for each in check(gather_from(sources), sources, environ) if each.verdict == "warning"]
    assert [each.part for each in warnings] == ["options"] * 4
    said = " ".join(f"{each.text}: {each.remedy}" for each in warnings)
    for words in (
        "HOLDFAST_S3_ENDPOINT does nothing, since blobs is not given",
        "HOLDFAST_CATALOG_SCHEMA does nothing, since catalog is not given",
        "HOLDFAST_TREADS is no option: did you mean HOLDFAST_THREADS?",
        f"{config}: passphrase: everybody on this machine may read it",
    ):
        assert words in said
    config.chmod(0o600)
    assert len([each for each in check(gather_from(sources), sources, environ) if each.verdict == "warning"]) == 3


def test_a_file_that_is_no_catalog_yet_is_not_made(tmp_path: Path):
    [finding] = catalog.sqlite(tmp_path / "catalog")
    assert (finding.verdict, os.listdir(tmp_path)) == ("ok", [])
