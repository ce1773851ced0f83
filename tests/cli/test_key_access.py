"""`holdfast key rotate-access` on a store of one process."""

import io
import json
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.access import credentials_file
from holdfast.access.credentials_file import AccessKey
from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.app.in_process import InProcessTransport
from holdfast.cli.main import run
from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.model.errors import Denied
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics


def accepted(store: Path, *keys: AccessKey) -> list[bool]:
    """Which of `keys` a service accepts that is started now."""
    log = open_log("error", "json", io.StringIO())
    with closing(System(StoreOptions(store, reserve_bytes=0), Metrics(), log, background=False)) as system:
        return [accepts(system, key) for key in keys]


def accepts(system: System, key: AccessKey) -> bool:
    api = Api(InProcessTransport(system.gateway), Credentials(key.access_key_id, key.secret))
    try:
        return bool(list(api.list_vaults()))
    except Denied:
        return False


def test_both_keys_are_accepted_until_the_replacement_is_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    store = tmp_path / "store"
    assert run(["vault", "create", "photos", "--store", str(store)]) == 0
    file = store / "credentials"
    old = credentials_file.read(file)
    capsys.readouterr()
    assert run(["key", "rotate-access", "--store", str(store), "--json"]) == 0
    new = credentials_file.read(file)
    assert json.loads(capsys.readouterr().out) == {"AccessKeyId": new.access_key_id, "File": str(file)}
    assert accepted(store, old, new) == [True, True]
    assert run(["key", "rotate-access", "--store", str(store)]) == 1
    assert "--finish" in capsys.readouterr().err
    assert run(["key", "rotate-access", "--store", str(store), "--finish"]) == 0
    assert accepted(store, old, new) == [False, True]
    said = capsys.readouterr().out
    assert new.access_key_id in said
    assert new.secret not in said


def test_where_there_is_no_store_no_key_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["key", "rotate-access", "--store", str(tmp_path / "none")]) == 1
    assert "there is no store in" in capsys.readouterr().err
