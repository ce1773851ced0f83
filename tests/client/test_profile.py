"""Endpoint and credentials from AWS's own variables and files."""

from pathlib import Path

import pytest

from holdfast.client.call import Credentials
from holdfast.client.endpoint import parse_endpoint
from holdfast.client.profile import resolve
from holdfast.model.errors import InvalidInput

KEYS = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK"}


def test_nothing_set_means_no_endpoint_and_no_credentials(tmp_path: Path) -> None:
    profile = resolve({"HOME": str(tmp_path)})
    assert (profile.endpoint, profile.credentials, profile.region, profile.ca_bundle) == (None, None, "us-east-1", None)
    with pytest.raises(InvalidInput, match="AWS_SHARED_CREDENTIALS_FILE"):
        profile.required_credentials()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (["AWS_ENDPOINT_URL"], "AWS_ENDPOINT_URL"),
        (["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BACKUP"], "AWS_ENDPOINT_URL_BACKUP"),
        (["AWS_ENDPOINT_URL_BACKUP", "AWS_ENDPOINT_URL_BACKUPSTORAGE"], "AWS_ENDPOINT_URL_BACKUPSTORAGE"),
    ],
)
def test_the_most_specific_endpoint_wins(tmp_path: Path, variables: list[str], expected: str) -> None:
    ports = {name: 9000 + n for n, name in enumerate(variables)}
    environ = {name: f"http://localhost:{port}" for name, port in ports.items()}
    endpoint = resolve({"HOME": str(tmp_path), **environ}).endpoint
    assert endpoint is not None
    assert endpoint.port == ports[expected]


def test_credentials_come_from_the_environment_first(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id=FILE\naws_secret_access_key=FILE\n")
    environ = {"HOME": str(tmp_path), "AWS_SHARED_CREDENTIALS_FILE": str(file)}
    assert resolve(environ).credentials == Credentials("FILE", "FILE")
    assert resolve({**environ, **KEYS, "AWS_SESSION_TOKEN": "T"}).credentials == Credentials("AK", "SK", "T")


def test_a_profile_is_found_in_either_file(tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[work]\naws_access_key_id = W\naws_secret_access_key = w%W\naws_session_token = t\n"
    )
    (tmp_path / ".aws" / "config").write_text(
        "[profile work]\nregion = eu-north-1\nendpoint_url = https://[::1]:9443/base/\nca_bundle = /ca.pem\n"
        "[profile home]\naws_access_key_id = H\naws_secret_access_key = h\nservices = mine\n"
        "[services mine]\ns3 =\n  endpoint_url = http://wrong\nbackupstorage =\n  endpoint_url = http://localhost:9221\n"
    )
    work = resolve({"HOME": str(tmp_path), "AWS_PROFILE": "work"})
    assert work.credentials == Credentials("W", "w%W", "t")
    assert (work.region, work.ca_bundle, str(work.endpoint)) == ("eu-north-1", "/ca.pem", "https://[::1]:9443/base")
    home = resolve({"HOME": str(tmp_path), "AWS_PROFILE": "home", "AWS_REGION": "r", "AWS_CA_BUNDLE": "/b"})
    assert home.credentials == Credentials("H", "h")
    assert (home.region, home.ca_bundle, str(home.endpoint)) == ("r", "/b", "http://localhost:9221")
    ignoring = {"HOME": str(tmp_path), "AWS_PROFILE": "home", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    assert resolve(ignoring).endpoint is None


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"AWS_ACCESS_KEY_ID": "AK"}, "AWS_SECRET_ACCESS_KEY is not set"),
        ({"AWS_SECRET_ACCESS_KEY": "SK"}, "AWS_ACCESS_KEY_ID is not set"),
        ({"AWS_PROFILE": "nobody"}, "AWS_PROFILE names 'nobody'"),
        ({"AWS_ENDPOINT_URL": "localhost:9220"}, "AWS_ENDPOINT_URL is 'localhost:9220'.*give a URL"),
        ({"AWS_ENDPOINT_URL": "ftp://x"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL_BACKUP": "http://x:99999"}, "AWS_ENDPOINT_URL_BACKUP is"),
        ({"AWS_ENDPOINT_URL": "http://u:p@x"}, "must not hold a user"),
        ({"AWS_ENDPOINT_URL": "http://x/?a=b"}, "must not hold"),
        ({"AWS_ENDPOINT_URL": "http://x/a b"}, "plain URL path"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_remedy(tmp_path: Path, environ: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        resolve({"HOME": str(tmp_path), **environ})


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    for text in ("aws_access_key_id = x\n", "[default]\naws_access_key_id=A\n"):
        file.write_text(text)
        with pytest.raises(InvalidInput, match=str(file)):
            resolve({"HOME": str(tmp_path), "AWS_SHARED_CREDENTIALS_FILE": str(file)})


@pytest.mark.parametrize(
    ("url", "host", "base"),
    [
        ("http://127.0.0.1:9220", b"127.0.0.1:9220", b""),
        ("http://Example.org/", b"example.org", b""),
        ("https://example.org:443/a/b/", b"example.org", b"/a/b"),
        ("http://[::1]:80", b"[::1]", b""),
        ("https://h:80", b"h:80", b""),
    ],
)
def test_an_endpoint_names_host_and_base_path(url: str, host: bytes, base: bytes) -> None:
    endpoint = parse_endpoint(url, "the test")
    assert (endpoint.host, endpoint.base_path) == (host, base)


def test_secrets_do_not_show_in_a_trace() -> None:
    assert "SK" not in repr(Credentials("AK", "SK", "SKT"))
