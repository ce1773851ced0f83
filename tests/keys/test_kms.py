"""What each answer of a KMS means, over real HTTP: AWS's own words for them, and AWS's own SDK between us and them.

A server that keeps keys is asked in tests/interop/test_kms.py.
"""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from holdfast.keys.kms import KmsProtection
from holdfast.keys.local import LocalKeyProvider
from holdfast.keys.protection import PLAIN
from holdfast.keys.root_file import UnderKms
from holdfast.model.errors import InvalidInput, Unavailable, UnusableKey

ARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ROOT = b"r" * 32
STORE = b"s" * 16
FILE = UnderKms(ARN, STORE, LocalKeyProvider(ROOT).root_id, b"ciphertext")

Answer = tuple[int, dict[str, Any]]


class Kms:
    """Answers what the test says; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.scope = ""
        self.answers: dict[str, Callable[[], Answer]] = {
            "DescribeKey": lambda: (200, {"KeyMetadata": {"KeyId": ARN, "KeyState": "Enabled"}}),
            "Decrypt": lambda: (200, {"KeyId": ARN, "Plaintext": base64.b64encode(ROOT).decode()}),
            "Encrypt": lambda: (200, {"KeyId": ARN, "CiphertextBlob": base64.b64encode(b"ciphertext").decode()}),
        }
        kms = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                operation = self.headers["X-Amz-Target"].rpartition(".")[2]
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                kms.asked.append((operation, body))
                kms.scope = self.headers["Authorization"]
                status, answer = kms.answers[operation]()
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def says(self, operation: str, status: int, code: str) -> None:
        self.answers[operation] = lambda: (status, {"__type": code, "message": "says who"})

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kms]:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS"):
        monkeypatch.delenv(name, raising=False)
    kms = Kms()
    yield kms
    kms.close()


def test_the_root_key_travels_with_the_stores_name_and_comes_back(kms: Kms) -> None:
    protection = KmsProtection("alias/backups", endpoint=kms.url, random=lambda size: STORE[:size])
    file = protection.seal(ROOT)
    assert file == FILE  # the ARN that the KMS named, not the alias
    assert protection.open(file) == ROOT
    context = {"purpose": "holdfast root key", "store": STORE.hex()}
    (encrypt, sent), _, (decrypt, asked) = kms.asked
    assert (encrypt, decrypt) == ("Encrypt", "Decrypt")
    assert sent == {
        "KeyId": "alias/backups",
        "Plaintext": base64.b64encode(ROOT).decode(),
        "EncryptionContext": context,
    }
    assert asked == {
        "KeyId": ARN,
        "CiphertextBlob": base64.b64encode(b"ciphertext").decode(),
        "EncryptionContext": context,
    }
    assert "/eu-west-1/kms/" in kms.scope  # of the ARN


def test_the_endpoint_is_found_as_every_aws_client_finds_it(kms: Kms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", kms.url)
    assert KmsProtection().open(FILE) == ROOT


@pytest.mark.parametrize(
    "code",
    [
        "DisabledException",
        "KMSInvalidStateException",
        "NotFoundException",
        "AccessDeniedException",
        "InvalidCiphertextException",
        "ExpiredTokenException",
    ],
)
def test_a_refusal_is_an_unusable_key_that_names_key_and_reason(kms: Kms, code: str) -> None:
    kms.says("Decrypt", 400, code)
    with pytest.raises(UnusableKey) as refused:
        KmsProtection(endpoint=kms.url).open(FILE)
    assert ARN in refused.value.message
    assert code in refused.value.message


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ThrottlingException"),
        (500, "KeyUnavailableException"),
        (502, "WhateverAProxySays"),
        (503, "ServiceUnavailable"),
    ],
)
def test_trouble_of_the_kms_is_not_a_refusal(kms: Kms, status: int, code: str) -> None:
    kms.says("Decrypt", status, code)
    with pytest.raises(Unavailable):
        KmsProtection(endpoint=kms.url).open(FILE)


def test_a_kms_that_is_not_there_is_not_a_refusal(kms: Kms) -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        KmsProtection(endpoint="http://127.0.0.1:1").open(FILE)


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion"])
def test_a_key_that_is_not_enabled_is_refused_before_it_is_used(kms: Kms, state: str) -> None:
    kms.answers["DescribeKey"] = lambda: (200, {"KeyMetadata": {"KeyId": ARN, "KeyState": state}})
    with pytest.raises(UnusableKey, match=f"is {state}: enable it"):
        KmsProtection(endpoint=kms.url).open(FILE)
    assert [operation for operation, _ in kms.asked] == ["DescribeKey"]


def test_who_may_decrypt_and_not_describe_may_open_the_store(kms: Kms) -> None:
    kms.says("DescribeKey", 400, "AccessDeniedException")
    assert KmsProtection(endpoint=kms.url).open(FILE) == ROOT


def test_another_root_key_than_was_put_in_is_refused(kms: Kms) -> None:
    kms.answers["Decrypt"] = lambda: (200, {"KeyId": ARN, "Plaintext": base64.b64encode(b"R" * 32).decode()})
    with pytest.raises(UnusableKey, match="another root key"):
        KmsProtection(endpoint=kms.url).open(FILE)


def test_without_credentials_the_key_is_unusable(kms: Kms, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UnusableKey, match="credentials"):
        KmsProtection(endpoint=kms.url).open(FILE)


@pytest.mark.parametrize("name", ["", "two words", "a\nb", "x" * 2049])
def test_a_name_that_cannot_be_a_key_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        KmsProtection(name)


def test_sealing_needs_a_key_and_opening_a_file_of_this_kind() -> None:
    with pytest.raises(InvalidInput, match="--kms-key"):
        KmsProtection().seal(ROOT)
    with pytest.raises(UnusableKey):
        KmsProtection().open(PLAIN.seal(ROOT))
