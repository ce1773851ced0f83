import pytest

from scripts.servers.not_here import NotHere
from tests.real_servers import missing


def test_a_server_that_cannot_be_had_skips_the_test_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no apt-get"):
        missing(NotHere("this system has no apt-get"))


def test_in_ci_it_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="every server must be there: this system has no apt-get"):
        missing(NotHere("this system has no apt-get"))
