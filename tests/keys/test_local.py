from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.keys.local import LocalKeyProvider
from holdfast.model.errors import UnusableKey


def test_the_root_key_is_made_once_and_found_again(tmp_path: Path) -> None:
    first = LocalKeyProvider.open(LocalBlobs(tmp_path / "keys"))
    wrapped = first.wrap(b"k" * 96, b"context")
    again = LocalKeyProvider.open(LocalBlobs(tmp_path / "keys"))
    assert again.unwrap(wrapped, b"context") == b"k" * 96
    assert again.derive(b"tokens") == first.derive(b"tokens")
    path = tmp_path / "keys/root.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().startswith("holdfast-root-key-1 ")


def test_two_stores_have_different_root_keys(tmp_path: Path) -> None:
    one, other = (LocalKeyProvider.open(LocalBlobs(tmp_path / name)) for name in ("one", "other"))
    assert one.derive(b"tokens") != other.derive(b"tokens")
    with pytest.raises(UnusableKey):
        other.unwrap(one.wrap(b"key", b"context"), b"context")


def test_a_wrapped_key_opens_in_its_context_only() -> None:
    provider = LocalKeyProvider(b"r" * 32)
    wrapped = provider.wrap(b"key", b"vault one")
    assert provider.unwrap(wrapped, b"vault one") == b"key"
    with pytest.raises(UnusableKey):
        provider.unwrap(wrapped, b"vault two")


def test_no_changed_or_missing_byte_of_a_wrapped_key_passes() -> None:
    provider = LocalKeyProvider(b"r" * 32)
    wrapped = provider.wrap(b"k" * 32, b"c")
    for position in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[position] ^= 1
        with pytest.raises(UnusableKey):
            provider.unwrap(bytes(changed), b"c")
    for length in range(len(wrapped)):
        with pytest.raises(UnusableKey):
            provider.unwrap(wrapped[:length], b"c")


def test_the_same_key_wrapped_twice_looks_different() -> None:
    provider = LocalKeyProvider(b"r" * 32)
    assert provider.wrap(b"key", b"c") != provider.wrap(b"key", b"c")


def test_each_purpose_has_a_key_of_its_own_and_none_is_the_root_key() -> None:
    provider = LocalKeyProvider(b"r" * 32)
    keys = {provider.derive(purpose) for purpose in (b"tokens", b"token", b"")}
    assert len(keys) == 3
    assert b"r" * 32 not in keys
    assert {len(key) for key in keys} == {32}


def test_a_missing_root_key_is_not_replaced_while_its_wrapped_keys_are_there(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    blobs.put("9f" * 16 + "/00000001", b"a wrapped key")
    with pytest.raises(UnusableKey, match=r"root\.key is missing"):
        LocalKeyProvider.open(blobs)
    assert not (tmp_path / "root.key").exists()


@pytest.mark.parametrize("text", [b"", b"rubbish", b"\xff\xfe", b"holdfast-root-key-1 00 00000000"])
def test_a_file_that_is_no_root_key_is_refused_and_kept(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "root.key").write_bytes(text)
    with pytest.raises(UnusableKey, match=r"root\.key is not a root key"):
        LocalKeyProvider.open(LocalBlobs(tmp_path))
    assert (tmp_path / "root.key").read_bytes() == text


def test_a_mistyped_digit_of_the_root_key_is_noticed(tmp_path: Path) -> None:
    LocalKeyProvider.open(LocalBlobs(tmp_path))
    path = tmp_path / "root.key"
    text = path.read_text()
    for position in (25, 50, len(text) - 3):
        digit = "0" if text[position] != "0" else "1"
        path.write_text(text[:position] + digit + text[position + 1 :])
        with pytest.raises(UnusableKey):
            LocalKeyProvider.open(LocalBlobs(tmp_path))


def test_a_root_key_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(UnusableKey, match="16 bytes"):
        LocalKeyProvider(b"r" * 16)
