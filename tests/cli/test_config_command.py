"""`holdfast config check`, end to end: on a directory, and on PostgreSQL and a bucket."""

import json
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from holdfast.blobs.s3_options import S3Options
from holdfast.cli.main import run
from scripts.servers.ports import free_port
from scripts.servers.postgres import Postgres
from scripts.servers.rgw import RadosGateway


@pytest.fixture(autouse=True)
def no_store_of_the_caller(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


class Answer:
    """What was printed as JSON."""

    def __init__(self, text: str) -> None:
        whole = json.loads(text)
        self.options = {each["Name"]: each for each in whole["Options"]}
        self.checks = whole["Checks"]

    def verdicts(self, part: str) -> set[str]:
        return {each["Verdict"] for each in self.checks if each["Part"] == part}

    def said(self, part: str) -> str:
        return " ".join(f"{each['Message']}: {each.get('Remedy', '')}" for each in self.checks if each["Part"] == part)


def asked(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Answer:
    assert run(["config", "check", *arguments, "--json"]) == code
    said = capsys.readouterr()
    assert said.err == ""
    return Answer(said.out)


def test_everything_in_force_is_shown_with_where_it_comes_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    config = tmp_path / "o.toml"
    config.write_text(f'data = "{tmp_path}/s"\nscrub_days = 7\nthreads = 8\n')
    monkeypatch.setenv("HOLDFAST_THREADS", "9")
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "correct horse")
    monkeypatch.setenv("HOLDFAST_CONFIG", str(config))
    answer = asked(capsys, "--workers", "2")
    shown = {name: (each.get("Value"), each["Origin"]) for name, each in answer.options.items()}
    assert shown["data"] == (f"{tmp_path}/s", f"{config}: data")
    assert shown["scrub_days"] == ("7", f"{config}: scrub_days")
    assert shown["threads"] == ("9", "HOLDFAST_THREADS")
    assert shown["workers"] == ("2", "--workers")
    assert shown["passphrase"] == ("(hidden)", "HOLDFAST_PASSPHRASE")
    assert shown["reserve"] == ("80MiB", "default")
    assert shown["catalog"] == (None, "default")
    assert run(["config", "check", "--workers", "2"]) == 0
    text = capsys.readouterr().out
    assert "correct horse" not in text
    lines = [line.split(maxsplit=2) for line in text.splitlines()]
    assert ["scrub_days", "7", f"{config}: scrub_days"] in lines
    assert any(line[:2] == ["ok", "catalog"] for line in lines)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    "arguments",
    [["--threads", "0"], ["--config", "/nowhere/o.toml"], ["--catalog", "mysql://x"], ["--no-such-option"], ["x"]],
)
def test_what_cannot_be_used_at_all_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    assert run(["config", "check", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("holdfast: ")


def test_a_failure_is_exit_code_1_and_one_line_with_its_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    store = tmp_path / "s"
    assert run(["vault", "create", "photos", "--store", str(store)]) == 0
    (store / "root.key").unlink()
    capsys.readouterr()
    assert run(["config", "check", "--data", str(store)]) == 1
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("failed")]
    assert line.split()[1] == "keys"
    assert "copy root.key from a node that has it" in line


@pytest.fixture
def node(bucket: S3Options, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The flags of a node on PostgreSQL and a bucket; its access key is in files."""
    for word in ("access_key_id", "secret_access_key"):
        (tmp_path / word).write_text(f"{getattr(bucket, word)}\n")
        monkeypatch.setenv(f"HOLDFAST_S3_{word.upper()}_FILE", str(tmp_path / word))
    return [
        *("--data", str(tmp_path / "node"), "--catalog", postgres_url, "--blobs", f"s3://{bucket.bucket}/of/a/store"),
        *("--s3-endpoint", str(bucket.endpoint), "--s3-region", bucket.region),
    ]


def with_flag(flags: list[str], name: str, value: str) -> list[str]:
    at = flags.index(name)
    return [*flags[: at + 1], value, *flags[at + 2 :]]


def objects(server: RadosGateway, bucket: S3Options) -> int:
    return len(server.client().list_objects_v2(Bucket=bucket.bucket).get("Contents", []))


def test_a_database_and_a_bucket_are_found_good_and_left_as_they_were(
    node: list[str],
    bucket: S3Options,
    postgres_url: str,
    rgw_server: RadosGateway,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    answer = asked(capsys, *node)
    for part in ("options", "directory", "bucket", "clock", "keys", "access key"):
        assert answer.verdicts(part) == {"ok"}
    # The server of the tests does not wait for its disk.
    assert answer.verdicts("catalog") == {"ok", "warning"}
    assert "fsync or full_page_writes is off" in answer.said("catalog")
    assert "schema holdfast will be made at the first start" in answer.said("catalog")
    assert bucket.secret_access_key not in str(answer.checks) + str(answer.options)
    assert objects(rgw_server, bucket) == 0
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT to_regnamespace('holdfast')").fetchone() == (None,)
    assert not (tmp_path / "node").exists()


def test_a_bucket_that_is_missing_or_refuses_is_named_and_the_rest_is_looked_at(
    node: list[str], bucket: S3Options, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    answer = asked(capsys, *with_flag(node, "--blobs", "s3://nobody-made-this"), code=1)
    assert answer.verdicts("bucket") == {"failed"}
    assert "there is no such bucket" in answer.said("bucket")
    assert "failed" not in answer.verdicts("catalog")
    assert answer.verdicts("keys") == {"warning"}
    secret = tmp_path / "secret_access_key"
    secret.write_text(secrets.token_hex(20))
    answer = asked(capsys, *node, code=1)
    assert "s3_secret_access_key" in answer.said("bucket")
    assert answer.verdicts("clock") == {"ok"}
    assert secret.read_text() not in str(answer.checks)


def test_hosts_that_cannot_be_reached_are_named_in_a_few_seconds(node: list[str], capsys: pytest.CaptureFixture[str]):
    port = free_port()
    wrong = with_flag(node, "--catalog", f"postgresql://u:correct-horse@127.0.0.1:{port}/d")
    answer = asked(capsys, *with_flag(wrong, "--s3-endpoint", f"http://127.0.0.1:{port}"), code=1)
    assert f"postgresql://u:***@127.0.0.1:{port}/d cannot be used" in answer.said("catalog")
    assert "the host and port in the URL" in answer.said("catalog")
    assert "s3_endpoint" in answer.said("bucket")
    assert "correct-horse" not in str(answer.checks) + str(answer.options)


def test_a_database_that_is_missing_or_refuses_the_password_is_told_apart(
    node: list[str], postgres_server: Postgres, postgres_url: str, capsys: pytest.CaptureFixture[str]
):
    wrong = postgres_url.replace(urlsplit(postgres_url).path, "/nobody_made_this")
    assert "make the database" in asked(capsys, *with_flag(node, "--catalog", wrong), code=1).said("catalog")
    role = f"locked_{secrets.token_hex(4)}"
    rules = Path(postgres_server._folder) / "data" / "pg_hba.conf"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'right-horse'".encode())
        rules.write_text(f"host all {role} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        connection.execute("SELECT pg_reload_conf()")
    place = f"127.0.0.1:{postgres_server.port}{urlsplit(postgres_url).path}"
    answer = asked(capsys, *with_flag(node, "--catalog", f"postgresql://{role}:wrong-horse@{place}"), code=1)
    assert "check its user and password" in answer.said("catalog")
    assert "wrong-horse" not in str(answer.checks) + str(answer.options)
    answer = asked(capsys, *with_flag(node, "--catalog", f"postgresql://{role}:right-horse@{place}"), code=1)
    assert "GRANT CREATE ON DATABASE" in answer.said("catalog")


def test_the_second_node_needs_the_keys_of_the_first(
    node: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    first, second, stray = tmp_path / "node", tmp_path / "second", tmp_path / "stray"
    assert run(["vault", "list", "--store", str(stray)]) == 1
    assert run(["vault", "create", "photos", "--store", str(stray)]) == 0
    for flag, value in zip(node[2::2], node[3::2], strict=True):
        monkeypatch.setenv(f"HOLDFAST_{flag[2:].replace('-', '_').upper()}", value)
    assert run(["vault", "create", "photos", "--store", str(first)]) == 0
    capsys.readouterr()
    assert "failed" not in {each["Verdict"] for each in asked(capsys, "--data", str(first)).checks}
    answer = asked(capsys, "--data", str(second), code=1)
    assert (answer.verdicts("keys"), answer.verdicts("access key")) == ({"failed"}, {"failed"})
    mounted = ["--root-key-file", str(first / "root.key"), "--credentials-file", str(first / "credentials")]
    answer = asked(capsys, "--data", str(second), *mounted)
    assert (answer.verdicts("keys"), answer.verdicts("access key")) == ({"ok"}, {"ok"})
    assert not second.exists()
    answer = asked(capsys, "--data", str(stray), code=1)
    assert (answer.verdicts("keys"), answer.verdicts("access key")) == ({"failed"}, {"warning"})
    assert "root key" in answer.said("keys")


def test_commands_that_open_a_store_use_the_file_in_its_directory(
    node: list[str], rgw_server: RadosGateway, bucket: S3Options, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    directory = tmp_path / "node"
    directory.mkdir(0o700)
    (tmp_path / "url").write_text(node[3])
    lines = {flag[2:].replace("-", "_"): value for flag, value in zip(node[4::2], node[5::2], strict=True)}
    options = "".join(f'{word} = "{value}"\n' for word, value in {**lines, "catalog_file": "../url"}.items())
    (directory / "holdfast.toml").write_text(options)
    assert run(["vault", "create", "photos", "--store", str(directory)]) == 0
    assert run(["vault", "list", "--store", str(directory)]) == 0
    assert "photos" in capsys.readouterr().out
    assert not (directory / "catalog").exists()
    assert objects(rgw_server, bucket)
    with (directory / "holdfast.toml").open("a") as file:
        file.write("treads = 3\n")
    assert run(["points", "--store", str(directory)]) == 1
    assert "holdfast.toml: treads is no option: did you mean threads?" in capsys.readouterr().err


def test_a_database_of_a_newer_program_of_another_encoding_or_with_too_few_connections_is_told(
    node: list[str], postgres_server: Postgres, postgres_url: str, capsys: pytest.CaptureFixture[str]
):
    answer = asked(capsys, *node, "--catalog-connections", "1000", "--workers", "2")
    assert "2 worker(s) may want 2000 connections" in answer.said("catalog")
    name = f"ascii_{secrets.token_hex(4)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA holdfast; CREATE TABLE holdfast.schema_steps (number BIGINT, contracts BOOL)")
        connection.execute("INSERT INTO holdfast.schema_steps VALUES (1, false), (99, true)")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'".encode())
    answer = asked(capsys, *node, code=1)
    assert "is at step 99, this program knows up to" in answer.said("catalog")
    assert "use the newer program" in answer.said("catalog")
    try:
        answer = asked(capsys, *with_flag(node, "--catalog", postgres_server.url(name)), code=1)
        assert "make the database with ENCODING 'UTF8'" in answer.said("catalog")
    finally:
        postgres_server.drop_database(name)
