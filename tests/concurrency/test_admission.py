"""A node serves a store only with that store's keys."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.model.errors import InvalidInput, UnusableKey
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
    welcome = Node(replace(second, directory=made_elsewhere))
    welcome.close()


def test_a_node_with_the_root_key_of_another_store_is_refused(place: Place, backend: Backend, tmp_path: Path) -> None:
    elsewhere = backend.place(tmp_path / "elsewhere")
    Node(elsewhere.options()).close()
    wrong = replace(place.node("third"), root_key_file=elsewhere.folder / "root.key")
    with pytest.raises(UnusableKey, match="root key"):
        Node(wrong).close()
