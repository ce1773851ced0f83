import re

import pytest

from holdfast.keys import root_file
from holdfast.keys.passphrase import PassphraseProtection
from holdfast.keys.protection import PLAIN
from holdfast.keys.root_file import Plain, RootFile, UnderKms, UnderPassphrase
from holdfast.model.errors import InvalidInput, UnusableKey

KEY = bytes(range(32))
UNDER_KMS = UnderKms("arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab", b"s" * 16, b"i" * 8, b"c" * 184)


def protection(passphrase: str = "correct horse battery") -> PassphraseProtection:
    return PassphraseProtection(lambda: passphrase, memory_kib=32)


def every_form() -> list[RootFile]:
    return [Plain(KEY), protection().seal(KEY), UNDER_KMS]


@pytest.mark.parametrize("file", every_form(), ids=lambda file: type(file).__name__)
def test_every_form_is_one_line_of_text_that_gives_back_what_was_written(file: RootFile) -> None:
    text = root_file.encode(file)
    assert text.endswith(b"\n")
    assert text.count(b"\n") == 1
    assert text.isascii()
    assert root_file.decode(text) == file


@pytest.mark.parametrize("file", every_form(), ids=lambda file: type(file).__name__)
def test_every_flipped_bit_and_every_lost_end_is_refused_or_harmless(file: RootFile) -> None:
    text = root_file.encode(file)
    altered = [text[:at] + bytes([text[at] ^ 1 << bit]) + text[at + 1 :] for at in range(len(text)) for bit in range(8)]
    refused = 0
    for each in [*altered, *(text[:length] for length in range(len(text) - 1))]:
        try:
            # Another kind of white space, or a capital digit, means the same.
            assert root_file.decode(each) == file
        except UnusableKey:
            refused += 1
    assert refused > 0.8 * len(text) * 9


def test_the_forms_are_those_that_are_documented() -> None:
    assert root_file.encode(Plain(KEY)) == f"holdfast-root-key-1 {KEY.hex()} 91267e8a\n".encode()
    under_passphrase = root_file.encode(UnderPassphrase(65536, 3, 4, b"s" * 16, b"n" * 12, b"c" * 48)).decode()
    salt, nonce, sealed = (b"s" * 16).hex(), (b"n" * 12).hex(), (b"c" * 48).hex()
    assert re.fullmatch(
        f"holdfast-root-key-2 passphrase argon2id 65536 3 4 {salt} {nonce} {sealed} [0-9a-f]{{8}}\n", under_passphrase
    )
    words = root_file.encode(UNDER_KMS).decode().split()
    assert words[:-1] == [
        "holdfast-root-key-2",
        "kms",
        UNDER_KMS.key_arn,
        UNDER_KMS.store.hex(),
        UNDER_KMS.root_id.hex(),
        UNDER_KMS.ciphertext.hex(),
    ]


def test_a_pass_phrase_opens_what_it_sealed_and_no_other_does() -> None:
    file = protection().seal(KEY)
    assert protection().open(file) == KEY
    for wrong in ("correct horse batterz", "Correct horse battery", "correct horse battery ", "x"):
        with pytest.raises(UnusableKey, match=r"pass phrase does not open root\.key"):
            protection(wrong).open(file)


def test_letters_that_look_alike_are_alike_however_the_keyboard_makes_them() -> None:
    file = protection("Gr\u00fc\u00dfe an alle").seal(KEY)
    assert protection("Gru\u0308\u00dfe an alle").open(file) == KEY


def test_a_short_pass_phrase_protects_nothing_and_is_refused() -> None:
    with pytest.raises(InvalidInput, match="7 characters: choose one of at least 8"):
        protection("secrets").seal(KEY)


def test_the_same_key_under_the_same_pass_phrase_looks_different() -> None:
    one, other = (root_file.encode(protection().seal(KEY)) for _ in range(2))
    assert one != other
    assert KEY.hex().encode() not in one


def test_parameters_that_were_altered_with_their_checksum_do_not_open() -> None:
    file = protection().seal(KEY)
    assert isinstance(file, UnderPassphrase)
    for change in ({"iterations": 4}, {"salt": b"t" * 16}, {"nonce": b"n" * 12}, {"sealed": file.sealed[:-1]}):
        other = UnderPassphrase(**{name: getattr(file, name) for name in file.__slots__} | change)
        with pytest.raises(UnusableKey):
            protection().open(root_file.decode(root_file.encode(other)))


def test_a_file_that_asks_for_absurd_work_is_refused_before_the_work() -> None:
    with pytest.raises(UnusableKey, match="more work"):
        protection().open(UnderPassphrase(999_999_999, 3, 4, b"s" * 16, b"n" * 12, b"c" * 48))


def test_a_protected_key_says_what_it_needs() -> None:
    with pytest.raises(UnusableKey, match="HOLDFAST_PASSPHRASE"):
        PLAIN.open(protection().seal(KEY))
    with pytest.raises(UnusableKey, match="arn:aws:kms"):
        PLAIN.open(UNDER_KMS)
    with pytest.raises(UnusableKey, match="not protected"):
        protection().open(Plain(KEY))


def test_a_root_key_does_not_show_itself_in_logs() -> None:
    assert KEY.hex() not in repr(Plain(KEY))
    assert str(KEY) not in repr(Plain(KEY))
