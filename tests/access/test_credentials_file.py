"""The file of the root access key."""

import errno
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import botocore.session
import pytest

from holdfast.access import credentials_file
from holdfast.model.errors import InvalidInput, Unavailable


def test_a_new_key_has_the_documented_form_and_no_two_are_alike() -> None:
    keys = [credentials_file.generate() for _ in range(50)]
    for key in keys:
        assert re.fullmatch(r"HFAK[A-Z2-7]{16}", key.access_key_id)
        assert re.fullmatch(r"[A-Za-z0-9_-]{40}", key.secret)
    assert len({key.access_key_id for key in keys}) == len({key.secret for key in keys}) == 50


def test_the_file_is_made_once_and_read_from_then_on(tmp_path: Path) -> None:
    first = credentials_file.ensure(tmp_path)
    assert credentials_file.ensure(tmp_path) == first
    assert credentials_file.read(tmp_path / "credentials") == first
    assert [path.name for path in tmp_path.iterdir()] == ["credentials"]


def test_the_file_is_for_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        credentials_file.ensure(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "credentials").stat().st_mode) == 0o600


def test_botocore_reads_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = credentials_file.ensure(tmp_path)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    found = botocore.session.get_session().get_credentials()
    assert found is not None
    assert (found.access_key, found.secret_key) == (key.access_key_id, key.secret)


def test_many_who_make_it_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(lambda _: credentials_file.ensure(tmp_path), range(32)))
    assert len(set(keys)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["credentials"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    credentials_file.ensure(tmp_path)
    path = tmp_path / "credentials"
    path.chmod(mode)
    with pytest.raises(InvalidInput, match="chmod 600"):
        credentials_file.ensure(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "[other]\naws_access_key_id=a\naws_secret_access_key=b\n", "[default]\naws_access_key_id=a\n", "\xff[["],
)
def test_a_file_without_a_key_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "credentials"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o600)
    with pytest.raises(InvalidInput, match="restore it from a copy"):
        credentials_file.ensure(tmp_path)
    assert path.read_bytes() == text.encode("latin-1")


def test_a_secret_does_not_show_in_a_trace() -> None:
    key = credentials_file.generate()
    assert key.secret not in repr(key)


def test_a_disk_that_takes_no_key_is_unavailable_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        with pytest.raises(Unavailable, match=r"credentials: the disk is full"):
            credentials_file.ensure(tmp_path)
    assert list(tmp_path.iterdir()) == []
    credentials_file.ensure(tmp_path)


def test_a_file_that_is_replaced_keeps_its_owner_and_mode_and_may_hold_the_key_before(tmp_path: Path) -> None:
    old = credentials_file.ensure(tmp_path)
    path = tmp_path / "credentials"
    assert credentials_file.read_previous(path) is None
    if os.geteuid() == 0:
        os.chown(path, 1234, 1234)
    owner, new = path.stat().st_uid, credentials_file.generate()
    credentials_file.replace(path, new, old)
    assert (credentials_file.read(path), credentials_file.read_previous(path)) == (new, old)
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (owner, 0o600)
    credentials_file.replace(path, new, None)
    assert (credentials_file.read(path), credentials_file.read_previous(path)) == (new, None)
    assert [entry.name for entry in tmp_path.iterdir()] == ["credentials"]
