import shutil
from pathlib import Path

import pytest

from holdfast.model.clock import SystemClock
from holdfast.model.errors import InvalidInput
from holdfast.server.certificate import Certificate, load
from holdfast.server.tls import Tls
from tests.server.certificates import write_pair


def doubts(tls: Tls) -> str:
    return "\n".join(f"{text}: {remedy}" for text, remedy in load(tls).doubts(SystemClock().now_us()))


def test_a_good_pair_raises_no_doubts(tmp_path: Path):
    assert doubts(write_pair(tmp_path)) == ""


def test_an_encrypted_key_is_refused_in_words_and_asks_nobody(tmp_path: Path):
    tls = write_pair(tmp_path, passphrase=b"secret")
    with pytest.raises(InvalidInput, match=rf"{tls.key} is encrypted.*openssl pkey") as refused:
        load(tls)
    assert "Errno" not in refused.value.message


def test_a_key_of_another_certificate_is_refused_by_name(tmp_path: Path):
    one, other = write_pair(tmp_path), write_pair(tmp_path, name="other")
    with pytest.raises(InvalidInput, match=rf"{other.key} does not belong to the certificate {one.certificate}"):
        load(Tls(one.certificate, other.key))


@pytest.mark.parametrize("part", ["certificate", "key"])
def test_a_file_that_is_missing_or_holds_something_else_is_named(tmp_path: Path, part: str):
    tls = write_pair(tmp_path)
    path: Path = getattr(tls, part)
    path.write_text("nothing of the kind")
    with pytest.raises(InvalidInput, match=str(path)):
        load(tls)
    path.unlink()
    with pytest.raises(InvalidInput, match=rf"{part} {path} cannot be read: No such file"):
        load(tls)


def test_a_certificate_that_clients_will_refuse_and_a_key_that_all_may_read_are_doubts(tmp_path: Path):
    assert "expired on" in doubts(write_pair(tmp_path, valid_days=(-9, -1)))
    assert "expires on" in doubts(write_pair(tmp_path, valid_days=(-9, 2)))
    assert "valid only from" in doubts(write_pair(tmp_path, valid_days=(1, 30)))
    tls = write_pair(tmp_path)
    tls.key.chmod(0o644)
    assert f"{tls.key} has mode 0644" in doubts(tls)


def test_a_pair_that_cannot_be_used_leaves_the_one_before_in_its_place(tmp_path: Path):
    tls = write_pair(tmp_path)
    certificate = Certificate(tls)
    first = certificate.pair
    other = write_pair(tmp_path, name="other")
    # In the middle of a renewal: the certificate is new already, and the key is not.
    shutil.copy(other.certificate, tls.certificate)
    with pytest.raises(InvalidInput):
        certificate.renew(tls)
    assert certificate.pair is first
    shutil.copy(other.key, tls.key)
    assert certificate.renew(tls)
    assert not certificate.renew(tls), "it is the same one"
    assert certificate.pair.fingerprint == load(other).fingerprint
