import io
import stat
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.app.connect import connect
from holdfast.model.errors import InvalidInput, NotFound, Unavailable, UnusableKey
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics


def opened(directory: Path) -> System:
    return System(StoreOptions(directory), Metrics(), open_log("error", "json", io.StringIO()))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_start_makes_a_private_store_with_a_key_and_a_vault(tmp_path: Path):
    directory = tmp_path / "a" / "store"
    with connect(directory, {}, make=True) as connection:
        assert [vault.backup_vault_name for vault in connection.api.list_vaults()] == ["default"]
    assert mode(directory) == 0o700
    assert mode(directory / "credentials") == 0o600
    assert mode(directory / "root.key") == 0o600
    assert "[default]\naws_access_key_id = " in (directory / "credentials").read_text()


def test_an_empty_directory_becomes_private(tmp_path: Path):
    tmp_path.chmod(0o755)
    opened(tmp_path).close()
    assert mode(tmp_path) == 0o700


def test_a_second_start_finds_what_the_first_one_left(tmp_path: Path):
    with connect(tmp_path / "s", {}, make=True) as connection:
        connection.api.create_vault("photos")
    key = (tmp_path / "s" / "credentials").read_text()
    with connect(tmp_path / "s", {}) as connection:
        assert [vault.backup_vault_name for vault in connection.api.list_vaults()] == ["default", "photos"]
    assert (tmp_path / "s" / "credentials").read_text() == key


def test_a_store_is_open_once(tmp_path: Path):
    with closing(opened(tmp_path)) as system:
        system.lock.announce("http://127.0.0.1:1234")
        with pytest.raises(Unavailable, match=r"in use by process .*http://127\.0\.0\.1:1234"):
            opened(tmp_path)
    opened(tmp_path).close()


def test_a_directory_of_other_things_is_not_made_a_store(tmp_path: Path):
    (tmp_path / "thesis.odt").write_text("x")
    with pytest.raises(InvalidInput, match="choose an empty directory"):
        opened(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.odt"]


def test_a_store_that_others_may_read_is_refused(tmp_path: Path):
    opened(tmp_path).close()
    tmp_path.chmod(0o750)
    with pytest.raises(InvalidInput, match="chmod 700"):
        opened(tmp_path)


def test_a_lost_root_key_is_not_replaced(tmp_path: Path):
    opened(tmp_path).close()
    (tmp_path / "root.key").unlink()
    with pytest.raises(UnusableKey, match="put the saved root key back"):
        opened(tmp_path)
    assert not (tmp_path / "root.key").exists()


def test_a_start_that_fails_leaves_nothing_locked(tmp_path: Path):
    opened(tmp_path).close()
    key = (tmp_path / "root.key").read_bytes()
    (tmp_path / "root.key").write_bytes(b"garbage")
    with pytest.raises(UnusableKey):
        opened(tmp_path)
    (tmp_path / "root.key").write_bytes(key)
    opened(tmp_path).close()


def test_without_endpoint_and_store_there_is_a_hint(tmp_path: Path):
    with pytest.raises(InvalidInput, match="--store"), connect(None, {"HOME": str(tmp_path)}):
        pass
    assert not (tmp_path / ".local").exists()


def test_a_store_goes_before_a_configured_endpoint(tmp_path: Path):
    environ = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    with connect(tmp_path / "s", environ, make=True) as connection:
        assert connection.store == tmp_path / "s"
        connection.api.describe_vault("default")


def test_errors_are_the_same_in_process_as_over_http(tmp_path: Path):
    with connect(tmp_path / "s", {}, make=True) as connection:
        with pytest.raises(NotFound):
            connection.api.describe_backup_job("no-such-job")
        with pytest.raises(InvalidInput):
            connection.api.create_vault("x")
