from pathlib import Path

import pytest

from holdfast.app.config import Flags, gather, gather_store
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import MIB

HOME = {"HOME": "/people/x"}


def test_without_anything_given_the_documented_defaults_hold():
    options = gather(Flags(), HOME)
    assert options.store.directory == Path("/people/x/.local/share/holdfast")
    assert (options.host, options.port, options.tls) == ("127.0.0.1", 9220, None)
    assert not options.beyond_loopback
    assert options.store.chunk_bytes_max == 16 * MIB


def test_a_flag_goes_before_a_variable_and_a_variable_before_the_default():
    environ = {**HOME, "HOLDFAST_DATA": "/env", "HOLDFAST_THREADS": "7", "HOLDFAST_CHUNK_MAX": "32MiB"}
    options = gather(Flags(data="/flag"), environ)
    assert options.store.directory == Path("/flag")
    assert options.threads == 7
    assert options.store.chunk_bytes_max == 32 * MIB
    assert gather_store(None, environ).directory == Path("/env")


def test_the_reserve_can_be_chosen_and_done_without():
    assert gather(Flags(), HOME).store.reserve_bytes == 80 * MIB
    assert gather(Flags(reserve="16MiB"), HOME).store.reserve_bytes == 16 * MIB
    assert gather_store(None, {**HOME, "HOLDFAST_RESERVE": "0"}).reserve_bytes == 0
    with pytest.raises(InvalidInput, match="HOLDFAST_RESERVE is 'some'"):
        gather_store(None, {**HOME, "HOLDFAST_RESERVE": "some"})


@pytest.mark.parametrize(
    ("flags", "environ", "named"),
    [
        (Flags(threads="0"), {}, "--threads is '0'"),
        (Flags(), {"HOLDFAST_THREADS": "many"}, "HOLDFAST_THREADS is 'many'"),
        (Flags(chunk_max="65MiB"), {}, "--chunk-max"),
        (Flags(chunk_max="1 parsec"), {}, "such as 16MiB"),
        (Flags(log_level="loud"), {}, "debug, info, warning, error"),
        (Flags(listen="9220"), {}, "HOST:PORT"),
        (Flags(listen="127.0.0.1:99999"), {}, "HOST:PORT"),
        (Flags(listen="no.such.host.invalid:1"), {}, "cannot be found"),
        (Flags(tls_cert="a.pem"), {}, "--tls-key is missing"),
        (Flags(job_lease="-1"), {}, "--job-lease"),
        (Flags(trusted_proxies="10.0.0.1/8"), {}, "--trusted-proxies is '10.0.0.1/8': '10.0.0.1/8' is neither"),
    ],
)
def test_what_cannot_be_used_is_refused_by_the_name_it_was_given(flags: Flags, environ: dict[str, str], named: str):
    with pytest.raises(InvalidInput) as refused:
        gather(flags, {**HOME, **environ})
    assert named in refused.value.message


def test_trusted_proxies_are_none_unless_named(tmp_path: Path):
    assert not gather(Flags(), HOME).trusted_proxies
    file = tmp_path / "options.toml"
    file.write_text('trusted_proxies = ["10.0.0.0/8", "::1"]\n')
    for options in (
        gather(Flags(trusted_proxies="10.0.0.0/8,::1"), HOME),
        gather(Flags(), {**HOME, "HOLDFAST_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}),
        gather(Flags(config=str(file)), HOME),
    ):
        assert [str(each) for each in options.trusted_proxies] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize("listen", ["0.0.0.0:9220", "[::]:9220", ":9220"])
def test_others_can_connect_only_with_tls_or_when_it_is_said_out_loud(listen: str):
    with pytest.raises(InvalidInput, match="--insecure-http"):
        gather(Flags(listen=listen), HOME)
    assert gather(Flags(listen=listen, insecure_http=True), HOME).beyond_loopback
    assert gather(Flags(listen=listen), {**HOME, "HOLDFAST_INSECURE_HTTP": "true"}).beyond_loopback
    assert gather(Flags(listen=listen, tls_cert="c", tls_key="k"), HOME).tls is not None


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.3.2.1:80", "[::1]:9220", "localhost:9220"])
def test_loopback_needs_nothing(listen: str):
    assert not gather(Flags(listen=listen), HOME).beyond_loopback
