"""What every blob store must do: inherit `BlobStoreSuite`, give it a `store`, and pytest runs the contract.

`AppendStoreSuite` is for those that also have files that grow.
"""

import contextlib
import threading

import pytest

from holdfast.blobs.port import AppendStore, BlobStore
from holdfast.model.errors import AlreadyExists, InvalidInput, NotFound, Unavailable

BAD_NAMES = [
    "",
    "/",
    "/etc/passwd",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    ".hidden",
    "a/.tmp",
    "a\x00b",
    "a b",
    "a\\b",
    "é",
    "a\n",
    "a" * 256,
]


class BlobStoreSuite:
    """The contract of BlobStore. A subclass overrides the fixture `store` with an empty store."""

    @pytest.fixture
    def store(self) -> BlobStore:
        raise NotImplementedError

    def test_what_was_put_is_got(self, store: BlobStore) -> None:
        store.put("a/b.bin", b"\x00\xffbytes")
        assert store.get("a/b.bin") == b"\x00\xffbytes"
        assert store.size("a/b.bin") == 7

    def test_every_kind_of_buffer_can_be_put(self, store: BlobStore) -> None:
        store.put("bytearray", bytearray(b"one"))
        store.put("view", memoryview(b"xtwox")[1:4])
        assert (store.get("bytearray"), store.get("view")) == (b"one", b"two")

    def test_an_empty_blob_is_a_blob(self, store: BlobStore) -> None:
        store.put("empty", b"")
        assert store.get("empty") == b""
        assert store.size("empty") == 0
        assert list(store.list("")) == ["empty"]

    def test_a_large_blob_comes_back_whole(self, store: BlobStore) -> None:
        data = bytes(range(256)) * 20_000
        store.put("large", data)
        assert store.get("large") == data

    def test_a_name_is_written_once(self, store: BlobStore) -> None:
        store.put("name", b"first")
        with pytest.raises(AlreadyExists):
            store.put("name", b"second")
        assert store.get("name") == b"first"

    def test_of_many_writers_of_one_name_one_wins(self, store: BlobStore) -> None:
        won: list[bytes] = []

        def write(data: bytes) -> None:
            try:
                store.put("raced", data)
            except AlreadyExists:
                return
            won.append(data)

        threads = [threading.Thread(target=write, args=(bytes([i]) * 1000,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert store.get("raced") == won[0]
        assert list(store.list("")) == ["raced"]

    def test_a_range_is_read_exactly(self, store: BlobStore) -> None:
        store.put("digits", b"0123456789")
        assert store.read("digits", 0, 10) == b"0123456789"
        assert store.read("digits", 3, 4) == b"3456"

    def test_a_range_past_the_end_is_cut_short(self, store: BlobStore) -> None:
        store.put("digits", b"0123456789")
        assert store.read("digits", 8, 5) == b"89"
        assert store.read("digits", 10, 5) == b""
        assert store.read("digits", 99, 5) == b""

    def test_what_is_not_there_is_not_found(self, store: BlobStore) -> None:
        store.put("directory/blob", b"x")
        for name in ("nothing", "directory", "directory/blob/below", "nowhere/nothing"):
            with pytest.raises(NotFound):
                store.get(name)
            with pytest.raises(NotFound):
                store.read(name, 0, 1)

    def test_the_size_of_what_is_not_there_is_not_found(self, store: BlobStore) -> None:
        with pytest.raises(NotFound):
            store.size("nothing")

    def test_a_deleted_blob_is_gone(self, store: BlobStore) -> None:
        store.put("a/short-lived", b"x")
        assert store.read("a/short-lived", 0, 1) == b"x"
        store.delete("a/short-lived")
        with pytest.raises(NotFound):
            store.get("a/short-lived")
        with pytest.raises(NotFound):
            store.read("a/short-lived", 0, 1)
        assert list(store.list("")) == []

    def test_deleting_what_is_not_there_is_no_error(self, store: BlobStore) -> None:
        store.delete("nothing")
        store.delete("nowhere/nothing")

    def test_a_deleted_name_may_be_written_again(self, store: BlobStore) -> None:
        store.put("again", b"old")
        assert store.read("again", 0, 3) == b"old"
        store.delete("again")
        store.put("again", b"new")
        assert store.read("again", 0, 3) == b"new"

    def test_names_are_listed_in_order_of_their_bytes(self, store: BlobStore) -> None:
        names = ["b", "a/z", "a-b", "a/b/c", "A", "a.b", "ab", "_"]
        for name in names:
            store.put(name, b"x")
        assert list(store.list("")) == sorted(names)

    @pytest.mark.parametrize(
        ("prefix", "expected"),
        [
            ("packs/", ["packs/aa/1", "packs/aa/2", "packs/ab/1"]),
            ("packs/aa/", ["packs/aa/1", "packs/aa/2"]),
            ("packs/a", ["packs/aa/1", "packs/aa/2", "packs/ab/1"]),
            ("pa", ["packs/aa/1", "packs/aa/2", "packs/ab/1", "pans"]),
            ("packs/aa/1", ["packs/aa/1"]),
            ("packs/aa/1/", []),
            ("none/", []),
        ],
    )
    def test_a_prefix_is_any_beginning_of_a_name(self, store: BlobStore, prefix: str, expected: list[str]) -> None:
        for name in ("packs/aa/1", "packs/aa/2", "packs/ab/1", "pans", "keys/1"):
            store.put(name, b"x")
        assert list(store.list(prefix)) == expected

    @pytest.mark.parametrize("name", BAD_NAMES)
    def test_a_name_that_could_lead_elsewhere_is_refused(self, store: BlobStore, name: str) -> None:
        for verb in (
            lambda: store.put(name, b"x"),
            lambda: store.get(name),
            lambda: store.read(name, 0, 1),
            lambda: store.size(name),
            lambda: store.delete(name),
        ):
            with pytest.raises(InvalidInput):
                verb()

    def test_a_listing_does_not_climb_out(self, store: BlobStore) -> None:
        store.put("inside", b"x")
        for prefix in ("../", "/", "a/../../"):
            with contextlib.suppress(InvalidInput):
                assert list(store.list(prefix)) == []


class AppendStoreSuite:
    """The contract of AppendStore, for a store that is a BlobStore too. Overrides `store` and `append_store` alike."""

    @pytest.fixture
    def store(self) -> BlobStore:
        raise NotImplementedError

    @pytest.fixture
    def append_store(self, store: BlobStore) -> AppendStore:
        raise NotImplementedError

    def test_appended_parts_stand_one_after_the_other(self, store: BlobStore, append_store: AppendStore) -> None:
        file = append_store.create("packs/p")
        assert file.append([b"head", bytearray(b"er")]) == 0
        assert file.append([memoryview(b"xbodyx")[1:5]]) == 6
        assert file.size == 10
        file.sync()
        file.close()
        assert store.get("packs/p") == b"headerbody"

    def test_what_was_synced_can_be_read_while_the_file_grows(
        self, store: BlobStore, append_store: AppendStore
    ) -> None:
        file = append_store.create("growing")
        file.append([b"one"])
        file.sync()
        assert store.read("growing", 0, 100) == b"one"
        file.append([b"two"])
        file.sync()
        assert store.read("growing", 3, 100) == b"two"
        file.close()

    def test_thousands_of_parts_go_in_one_append(self, store: BlobStore, append_store: AppendStore) -> None:
        parts = [str(i).encode() for i in range(5000)]
        parts[17] = b""
        file = append_store.create("many")
        assert file.append(parts) == 0
        file.sync()
        file.close()
        assert store.get("many") == b"".join(parts)

    def test_nothing_appended_is_nothing_changed(self, store: BlobStore, append_store: AppendStore) -> None:
        file = append_store.create("nothing")
        assert file.append([]) == 0
        assert file.append([b"", b""]) == 0
        file.sync()
        file.close()
        assert store.get("nothing") == b""

    def test_a_taken_name_is_refused(self, store: BlobStore, append_store: AppendStore) -> None:
        store.put("taken", b"x")
        with pytest.raises(AlreadyExists):
            append_store.create("taken")
        append_store.create("grown").close()
        with pytest.raises(AlreadyExists):
            append_store.create("grown")
        with pytest.raises(AlreadyExists):
            store.put("grown", b"x")

    def test_a_closed_file_takes_nothing_more(self, append_store: AppendStore) -> None:
        file = append_store.create("closed")
        file.close()
        file.close()
        with pytest.raises(Unavailable):
            file.append([b"x"])
        with pytest.raises(Unavailable):
            file.sync()

    @pytest.mark.parametrize("name", BAD_NAMES)
    def test_a_growing_file_needs_a_good_name(self, append_store: AppendStore, name: str) -> None:
        with pytest.raises(InvalidInput):
            append_store.create(name)
