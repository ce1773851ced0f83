"""A node serves a store only with that store's keys."""

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.access import credentials_file
from holdfast.app import access_keys
from holdfast.app.config import StoreOptions
from holdfast.app.in_process import InProcessTransport
from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.model.errors import HoldfastError, InvalidInput, InvalidState, UnusableKey
from tests.backends import Backend, Place
from tests.concurrency.nodes import Node

pytestmark = pytest.mark.parametrize("backend", ["shared"], indirect=True)


@pytest.fixture
def place(backend: Backend, tmp_path: Path) -> Place:
    """Where a first node has been, and made the keys."""
    made = backend.place(tmp_path / "store")
    Node(made.options()).close()
    return made


def test_a_node_with_another_root_key_or_access_key_is_refused(place: Place) -> None:
    second = place.node("third")
    stranger = replace(second, root_key_file=None)
    with pytest.raises(UnusableKey):
        Node(stranger).close()
    other_key = replace(second, credentials_file=None, directory=second.directory.with_name("fourth"))
    with pytest.raises(InvalidInput, match="this store's access key is"):
        Node(other_key).close()
    made_elsewhere = second.directory.with_name("fifth")
    shutil.copytree(second.directory, made_elsewhere, dirs_exist_ok=True)
    assert not (other_key.directory / "credentials").exists(), "a later start must not take it for the store's"
    welcome = Node(replace(second, directory=made_elsewhere))
    welcome.close()


def test_the_access_key_is_replaced_on_one_node_after_the_other(place: Place) -> None:
    first, second = place.options(), replace(place.node("second"), credentials_file=None)
    second.directory.mkdir(0o700, parents=True, exist_ok=True)
    shutil.copy(first.directory / "credentials", second.directory / "credentials")
    old = credentials_file.read(first.directory / "credentials")
    new = access_keys.rotate(first)

    def accepted_by(options: StoreOptions) -> list[bool]:
        with closing(Node(options)) as node:
            return [accepts(node, key) for key in (old, new)]

    assert accepted_by(first) == [True, True]
    assert accepted_by(second) == [True, False], "its turn has not come, and it is not refused"
    shutil.copy(first.directory / "credentials", second.directory / "credentials")
    assert accepted_by(second) == [True, True]
    with pytest.raises(InvalidState, match="--finish"):
        access_keys.rotate(first)
    assert access_keys.finish(first) == new
    assert accepted_by(first) == [False, True]
    assert accepted_by(second) == [True, True]
    access_keys.finish(second)
    assert accepted_by(second) == [False, True]


def accepts(node: Node, key: credentials_file.AccessKey) -> bool:
    api = Api(InProcessTransport(node.system.gateway), Credentials(key.access_key_id, key.secret))
    try:
        list(api.list_vaults())
    except HoldfastError:
        return False
    return True


def test_a_lost_access_key_is_made_another_by_command_only(place: Place) -> None:
    options = place.options()
    (options.directory / "credentials").unlink()
    with pytest.raises(InvalidInput, match="holdfast key rotate-access"):
        Node(options)
    new = access_keys.rotate(options)
    with closing(Node(options)) as node:
        assert accepts(node, new)


def test_a_node_with_the_root_key_of_another_store_is_refused(place: Place, backend: Backend, tmp_path: Path) -> None:
    elsewhere = backend.place(tmp_path / "elsewhere")
    Node(elsewhere.options()).close()
    wrong = replace(place.node("third"), root_key_file=elsewhere.folder / "root.key")
    with pytest.raises(UnusableKey, match="root key"):
        Node(wrong).close()
