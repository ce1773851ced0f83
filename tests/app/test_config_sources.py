"""Where options come from: the order of the levels, files of options, files of secrets, and what is refused."""

from dataclasses import fields
from pathlib import Path

import pytest

from holdfast.app import option_words as words
from holdfast.app.config import Flags, gather, gather_store, gather_unlock, store_directory
from holdfast.app.option_kinds import Number, Option, Place, Size, Truth, Word
from holdfast.app.option_sources import Sources, unknown_variables
from holdfast.cli.service_flags import ServiceFlags, flags_of
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import MIB

SECRET = "correct-horse"
URL = f"postgresql://holdfast:{SECRET}@db.example:5432/holdfast"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def example(option: Option[object]) -> tuple[str, object]:
    """A value that is not the default, as text and as TOML."""
    match option:
        case Number():
            number = option.least + 1
            return str(number), number
        case Size():
            return "2MiB", "2MiB"
        case Word():
            return option.words[-1], option.words[-1]
        case Truth():
            return "true", True
        case Place():
            return "/some/file", "/some/file"
    text = {
        "catalog": URL,
        "blobs": "s3://backups/holdfast",
        "s3_endpoint": "http://10.0.0.5:9000",
        "listen": "127.0.0.1:1",
        "catalog_schema": "other",
        "s3_region": "eu-central-1",
        "trusted_proxies": "10.0.0.0/8",
        "ops_listen": "127.0.0.1:2",
    }.get(option.word, "anything")
    return text, text


def toml(value: object) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value).replace("'", '"')


@pytest.mark.parametrize("option", words.OPTIONS, ids=lambda option: option.word)
def test_each_option_may_stand_in_a_file_below_the_environment_below_the_flag(option: Option[object], tmp_path: Path):
    text, value = example(option)
    file = written(tmp_path / "o.toml", f"{option.word} = {toml(value)}\n")
    from_file = Sources(Flags(config=str(file)), {})
    assert from_file.value(option) == option.from_text(text) != option.default
    variable = f"HOLDFAST_{option.word.upper()}"
    over = written(tmp_path / "p.toml", f"{option.word} = {toml(option.default or value)}\n")
    environ = {"HOLDFAST_CONFIG": str(over), variable: text}
    from_environment = Sources(Flags(), environ)
    assert from_environment.value(option) == option.from_text(text)
    assert from_environment.spelling(option) == variable
    if option.word in Flags.__dataclass_fields__:
        given = True if isinstance(option, Truth) else text
        flag = Sources(Flags(**{option.word: given}), {variable: "nonsense", "HOLDFAST_CONFIG": str(over)})
        assert flag.value(option) == option.from_text(text)
        assert flag.spelling(option) == f"--{option.word.replace('_', '-')}"
    else:
        assert option.secret


def test_every_flag_is_an_option_or_names_a_file():
    assert {field.name for field in fields(Flags)} - {"config"} <= words.WORDS


def test_the_command_line_offers_what_the_options_take():
    assert [field.name for field in fields(ServiceFlags)] == [
        name for name in ServiceFlags.__dataclass_fields__ if name in Flags.__dataclass_fields__
    ]
    assert len(fields(ServiceFlags)) == len(fields(Flags))
    assert flags_of(ServiceFlags(threads="7", catalog=URL)) == Flags(threads="7", catalog=URL)
    assert flags_of(None) == Flags()


def test_nothing_and_zero_in_a_file_are_values_and_an_empty_string_is_none(tmp_path: Path):
    file = written(tmp_path / "o.toml", 'reserve = 0\nread_cache = "0"\ninsecure_http = false\nkms_key = ""\n')
    options = gather(Flags(config=str(file), data=str(tmp_path)), {"HOLDFAST_KMS_ENDPOINT": ""}).store
    assert (options.reserve_bytes, options.read_cache_bytes) == (0, 0)
    assert (options.unlock.kms_key, options.unlock.kms_endpoint) == (None, None)


def test_the_file_is_the_one_named_else_the_one_in_the_directory(tmp_path: Path):
    written(tmp_path / "d" / "holdfast.toml", "threads = 3")
    named = written(tmp_path / "named.toml", f'threads = 4\ndata = "{tmp_path}/d"')
    data = str(tmp_path / "d")
    assert gather(Flags(data=data), {}).threads == 3
    assert gather(Flags(), {"HOLDFAST_DATA": data}).threads == 3
    assert gather(Flags(data=data), {"HOLDFAST_CONFIG": str(named)}).threads == 4
    assert gather(Flags(data=data, config=str(named)), {"HOLDFAST_CONFIG": "/nowhere"}).threads == 4
    assert gather(Flags(), {"HOLDFAST_CONFIG": str(named)}).store.directory == tmp_path / "d"
    with pytest.raises(InvalidInput, match=r"HOLDFAST_CONFIG names /nowhere/o\.toml, and there is no such file"):
        gather(Flags(), {"HOLDFAST_CONFIG": "/nowhere/o.toml"})


def test_commands_that_open_a_store_use_the_file_in_it_too(tmp_path: Path):
    directory = tmp_path / "node"
    written(directory / "holdfast.toml", f'catalog = "{URL}"\nblobs = "s3://backups/p/q/"\nkms_key = "alias/x"\n')
    options = gather_store(str(directory), {})
    assert options.catalog is not None
    assert options.catalog.url == URL
    assert options.bucket is not None
    assert (options.bucket.bucket, options.bucket.prefix) == ("backups", "p/q")
    assert options.bucket.access_key_id is None
    assert gather_unlock(Flags(data=str(directory)), {}).kms_key == "alias/x"


def test_a_file_in_a_directory_cannot_lead_to_another_directory(tmp_path: Path):
    file = written(tmp_path / "d" / "holdfast.toml", 'data = "elsewhere"')
    with pytest.raises(InvalidInput, match="another directory than that of the file"):
        store_directory(None, {"HOLDFAST_DATA": "", "HOME": "/nobody", "HOLDFAST_CONFIG": ""} | {"HOME": home(file)})
    written(file, 'data = "."')
    assert store_directory(str(tmp_path / "d"), {}) == tmp_path / "d"


def home(file: Path) -> str:
    """A home whose default store has the same file."""
    place = file.parent.parent / "home" / ".local" / "share" / "holdfast" / "holdfast.toml"
    written(place, file.read_text())
    return str(file.parent.parent / "home")


def test_paths_in_a_file_are_relative_to_it(tmp_path: Path):
    file = written(tmp_path / "etc" / "o.toml", 'data = "../var"\nroot_key_file = "keys/root.key"\n')
    options = gather(Flags(config=str(file)), {}).store
    assert options.directory == tmp_path / "var"
    assert options.root_key_file == tmp_path / "etc" / "keys" / "root.key"
    assert gather(Flags(root_key_file="root.key"), {}).store.root_key_file == Path("root.key")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("thread = 3", "thread is no option: did you mean threads?"),
        ("scrub-days = 3", "scrub-days is no option: did you mean scrub_days?"),
        ("[s3]\nregion = 'x'", "s3 is no option: there are no tables, write s3_... = value at the top of the file"),
        ("zzzz = 3", "zzzz is no option; 'holdfast serve --help' names them all"),
        ("threads = '3'", "threads is '3': it must be a whole number from 1 to 1024"),
        ("threads = 0", "threads is 0: it must be a whole number from 1 to 1024"),
        ("threads = true", "threads is True: it must be a whole number"),
        ("commit_window = 1.5", "commit_window is 1.5: it must be a whole number of milliseconds from 0 to 10000"),
        ("reserve = 1.5", "reserve is 1.5: it must be a size such as 16MiB"),
        ("chunk_max = '1 parsec'", "chunk_max is '1 parsec': it must be a size such as 16MiB"),
        ("insecure_http = 'yes'", "insecure_http is 'yes': it must be true or false, without quotes"),
        ("blobs = 5", "blobs is 5: it must be a string in quotes"),
        ("data = 5", "data is 5: it must be a string in quotes"),
        ("root_key_file = 5", "root_key_file is 5: it must be a string in quotes"),
        ("blobs = 'file:///x'", "it must be s3://BUCKET or s3://BUCKET/PREFIX"),
        ("blobs = 's3://b/../x'", "it must be s3://BUCKET or s3://BUCKET/PREFIX"),
        ("s3_endpoint = 'http://u:p@h'", "with nothing behind it and no user in it"),
        ("catalog_schema = 'Drop Table'", "it must be 1 to 63 of a-z, 0-9 and _"),
        ("log_level = 'loud'", "it must be one of debug, info, warning, error"),
        ("passphrase_file = 5", "passphrase_file is 5: it must be the path of a file, in quotes"),
        ("listen = '9220'", "HOST:PORT"),
        ("threads = ", "is not TOML"),
        ("threads = 1\nthreads = 2", "is not TOML"),
    ],
)
def test_what_cannot_be_used_in_a_file_is_refused_with_file_key_value_and_remedy(text: str, said: str, tmp_path: Path):
    file = written(tmp_path / "o.toml", text)
    with pytest.raises(InvalidInput) as refused:
        gather(Flags(config=str(file)), {"HOME": "/people/x"})
    assert str(file) in refused.value.message
    assert said in refused.value.message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    for content, said in ((b"\xff\xfe", "is not UTF-8"), (b"#" * 1_100_000, "more than")):
        file = tmp_path / "o.toml"
        file.write_bytes(content)
        with pytest.raises(InvalidInput, match=said):
            Sources(Flags(config=str(file)), {})


@pytest.mark.parametrize("text", ["maybe", "2"])
def test_a_variable_that_is_neither_true_nor_false_is_refused(text: str):
    with pytest.raises(InvalidInput, match=f"HOLDFAST_INSECURE_HTTP is '{text}': it must be true or false"):
        gather(Flags(listen="0.0.0.0:1"), {"HOLDFAST_INSECURE_HTTP": text})


def test_sizes_are_numbers_of_bytes_too(tmp_path: Path):
    file = written(tmp_path / "o.toml", f"read_cache = {3 * MIB}\ncommit_window = 4\ncommit_lanes = 2\n")
    options = gather(Flags(config=str(file), commit_bytes="2MiB", workers="3", catalog_connections="5"), {})
    assert options.store.read_cache_bytes == 3 * MIB
    assert options.workers == 3
    commits = options.store.commits
    assert (commits.window_seconds, commits.lanes, commits.group_bytes_max) == (0.004, 2, 2 * MIB)


def test_variables_that_are_no_options_are_noticed():
    environ = {"HOLDFAST_TREADS": "1", "HOLDFAST_DEBUG": "1", "HOLDFAST_CONFIG": "x", "HOLDFAST_CATALOG_FILE": "x"}
    assert unknown_variables(environ) == [("HOLDFAST_TREADS", "HOLDFAST_THREADS")]
