"""Secrets: from files, from systemd, one place at a time, and never shown."""

from pathlib import Path

import pytest

from holdfast.app import option_words as words
from holdfast.app.checks.options import in_force
from holdfast.app.config import Flags, gather, gather_from
from holdfast.app.option_kinds import without_password
from holdfast.app.option_sources import Sources
from holdfast.model.errors import InvalidInput

SECRET = "correct-horse"
URL = f"postgresql://holdfast:{SECRET}@db.example:5432/holdfast"
SECRETS = [option for option in words.OPTIONS if option.secret]
VALUES = {"catalog": URL, "s3_access_key_id": "AKIDCORRECTHORSE"}


def value_of(word: str) -> str:
    return VALUES.get(word, SECRET)


def other(word: str) -> dict[str, str]:
    """What must be given with it."""
    pairs = {"s3_access_key_id": "s3_secret_access_key", "s3_secret_access_key": "s3_access_key_id"}
    return {f"HOLDFAST_{pairs[word].upper()}": "other"} if word in pairs else {}


def taken(options: Sources, word: str) -> str | None:
    store = gather_from(options).store
    if word == "catalog":
        return store.catalog and store.catalog.url
    if word == "passphrase":
        return store.unlock.passphrase.get()
    return store.bucket and {
        "s3_access_key_id": store.bucket.access_key_id,
        "s3_secret_access_key": store.bucket.secret_access_key,
    }.get(word)


@pytest.mark.parametrize("option", SECRETS, ids=lambda option: option.word)
def test_a_secret_comes_from_a_file_by_variable_option_or_systemd(option: words.Option[object], tmp_path: Path):
    word, value = option.word, value_of(option.word)
    mounted = tmp_path / f"holdfast.{word}"
    mounted.write_text(f"{value}\n")
    config = tmp_path / "o.toml"
    config.write_text(f'{word}_file = "holdfast.{word}"\nblobs = "s3://bucket"\n')
    base = {"HOLDFAST_BLOBS": "s3://bucket", **other(word)}
    for flags, environ in (
        (Flags(), {f"HOLDFAST_{word.upper()}_FILE": str(mounted)}),
        (Flags(config=str(config)), {}),
        (Flags(), {"CREDENTIALS_DIRECTORY": str(tmp_path)}),
    ):
        sources = Sources(flags, {**base, **environ})
        assert taken(sources, word) == value
        assert SECRET not in repr(gather_from(sources))
        assert SECRET not in repr(sources.find(option))
        assert all(SECRET not in str(setting) for setting in in_force(sources))
        assert "CORRECTHORSE" not in str(list(in_force(sources)))


@pytest.mark.parametrize("option", SECRETS, ids=lambda option: option.word)
def test_a_secret_and_its_file_on_one_level_are_refused_and_a_higher_level_wins(
    option: words.Option[object], tmp_path: Path
):
    word, value = option.word, value_of(option.word)
    mounted = tmp_path / "secret"
    mounted.write_text("postgresql://other/file" if word == "catalog" else "of the file")
    variable = f"HOLDFAST_{word.upper()}"
    with pytest.raises(InvalidInput, match=f"{variable} and {variable}_FILE are both given"):
        Sources(Flags(), {variable: value, f"{variable}_FILE": str(mounted)}).value(option)
    config = tmp_path / "o.toml"
    config.write_text(f'{word} = "{value}"\n{word}_file = "secret"\n')
    with pytest.raises(InvalidInput) as refused:
        Sources(Flags(config=str(config)), {}).value(option)
    assert f"{config}: {word} and {config}: {word}_file are both given" in refused.value.message
    config.write_text(f'{word}_file = "secret"\n')
    assert Sources(Flags(config=str(config)), {variable: value}).value(option) == value


def test_systemd_brings_files_too_above_the_file_of_options_and_below_the_environment(tmp_path: Path):
    (tmp_path / "holdfast.root_key").write_text("a root key")
    (tmp_path / "holdfast.credentials").write_text("an access key")
    (tmp_path / "o.toml").write_text('root_key_file = "/from/the/file"\ncredentials_file = "/from/the/file"\n')
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "HOLDFAST_CREDENTIALS_FILE": "/from/a/variable"}
    store = gather(Flags(config=str(tmp_path / "o.toml")), environ).store
    assert store.root_key_file == tmp_path / "holdfast.root_key"
    assert store.credentials_file == Path("/from/a/variable")


def test_a_credential_may_not_be_a_directory_or_another_word(tmp_path: Path):
    (tmp_path / "holdfast.data").write_text("/elsewhere")
    (tmp_path / "holdfast.threads").write_text("7")
    options = gather(Flags(), {"CREDENTIALS_DIRECTORY": str(tmp_path), "HOME": "/people/x"})
    assert options.threads == 32
    assert options.store.directory == Path("/people/x/.local/share/holdfast")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has 0 bytes"),
        (b"\n", "has 1 bytes"),
        (b"x" * 5000, "it must have 1 to 4096"),
        (b"correct\nhorse\n", "several lines"),
        (b"correct\xff", "not UTF-8"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused_and_not_shown(content: bytes | None, said: str, tmp_path: Path):
    mounted = tmp_path / "secret"
    if content is not None:
        mounted.write_bytes(content)
    with pytest.raises(InvalidInput) as refused:
        gather(Flags(), {"HOLDFAST_CATALOG_FILE": str(mounted)})
    message = refused.value.message
    assert said in message
    assert f"HOLDFAST_CATALOG_FILE names {mounted}" in message
    assert "correct" not in message
    assert "correct" not in repr(refused.value.__cause__)


def test_one_half_of_an_access_key_is_refused_and_none_leaves_it_to_the_environment():
    bucket = {"HOLDFAST_BLOBS": "s3://bucket"}
    with pytest.raises(InvalidInput, match="HOLDFAST_S3_ACCESS_KEY_ID is given and s3_secret_access_key is not"):
        gather(Flags(), {**bucket, "HOLDFAST_S3_ACCESS_KEY_ID": "a"})
    with pytest.raises(InvalidInput, match="HOLDFAST_S3_SECRET_ACCESS_KEY is given and s3_access_key_id is not"):
        gather(Flags(), {**bucket, "HOLDFAST_S3_SECRET_ACCESS_KEY": "a"})
    options = gather(Flags(), bucket).store.bucket
    assert options is not None
    assert (options.access_key_id, options.secret_access_key) == (None, None)


@pytest.mark.parametrize(
    "url",
    [
        f"host=db password={SECRET}",
        f"mysql://u:{SECRET}@h/d",
        f"postgresql://u:{SECRET}/@h/d",
        f"postgresql://u:{SECRET}@@h/d",
        f"postgresql://u:{SECRET}:@h/d",
        f"postgresql://u:{SECRET}#@h/d",
        f"postgresql://u:{SECRET}%zz@h/d",
        f"postgresql://u:{SECRET} @h/d",
        f"postgresql://h:{SECRET}/d",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_being_shown(url: str):
    with pytest.raises(InvalidInput) as refused:
        gather(Flags(catalog=url), {})
    assert "--catalog cannot be used: it must be a URL such as" in refused.value.message
    assert SECRET not in refused.value.message
    assert SECRET not in repr(Flags(catalog=url))
    assert SECRET not in without_password(url) or url.startswith("postgresql://h:")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, "postgresql://holdfast:***@db.example:5432/holdfast"),
        ("postgresql:///d?host=%2Frun%2Fpg", "postgresql:///d?host=%2Frun%2Fpg"),
        (
            f"postgresql://h/d?user=u&password={SECRET}&sslmode=require",
            "postgresql://h/d?user=u&password=***&sslmode=require",
        ),
        (f"postgres://h/d?sslpassword={SECRET}", "postgres://h/d?sslpassword=***"),
        ("postgresql://u@[::1]:5432,h2/d", "postgresql://u@[::1]:5432,h2/d"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str):
    assert gather(Flags(catalog=url), {}).store.catalog is not None
    [setting] = [setting for setting in in_force(Sources(Flags(catalog=url), {})) if setting.word == "catalog"]
    assert setting.value == shown
