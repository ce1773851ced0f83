"""Packs that are written in one request each: announced before they are sent, measured as their frames are recorded."""

import hashlib
import threading
from collections.abc import Iterator, Sequence

import pytest

from holdfast.chunks.commit import GroupCommit
from holdfast.chunks.packs import pack_name
from holdfast.chunks.port import Location, SealedFrame
from holdfast.chunks.store import ChunkStore
from holdfast.chunks.whole_packs import WholePacks
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import NotFound, Unavailable, WriterEnded
from holdfast.packfile.layout import PACK_HEADER_BYTES, PackHeader
from holdfast.packfile.read import frames as frames_in
from holdfast.packfile.read import pack_header
from tests.chunks.test_commit import Hold, record
from tests.chunks.test_packs import assert_reads, sealed


class Bucket:
    """Blobs in a dictionary; `fails` is asked before each upload, and after each whose answer may get lost."""

    def __init__(self, events: list[tuple[str, object]]) -> None:
        self.events = events
        self.blobs: dict[str, bytes] = {}
        self.refuse_before = 0
        self.lose_answers = 0

    def put_new(self, name: str, data: Sequence[bytes | bytearray | memoryview]) -> None:
        self.events.append(("put", name))
        if self.refuse_before:
            self.refuse_before -= 1
            raise Unavailable("the bucket is away")
        assert name not in self.blobs
        self.blobs[name] = b"".join(data)
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unavailable("the answer was lost")

    def read(self, name: str, offset: int, length: int) -> bytes:
        if name not in self.blobs:
            raise NotFound(name)
        return self.blobs[name][offset : offset + length]

    def delete(self, name: str) -> None:
        self.events.append(("delete", name))
        self.blobs.pop(name, None)


class Book:
    """The catalog's side: what was announced, and by which writer's leave."""

    def __init__(self, events: list[tuple[str, object]]) -> None:
        self.events = events
        self.announced: list[list[bytes]] = []
        self.ended = False

    def announce(self, vault_uid: bytes, pack_uids: Sequence[bytes]) -> int:
        if self.ended:
            raise WriterEnded("taken for dead")
        self.announced.append(list(pack_uids))
        self.events += [("announce", pack_name(vault_uid, uid)) for uid in pack_uids]
        return sum(map(len, self.announced))


@pytest.fixture
def events() -> list[tuple[str, object]]:
    return []


@pytest.fixture
def bucket(events: list[tuple[str, object]]) -> Bucket:
    return Bucket(events)


@pytest.fixture
def book(events: list[tuple[str, object]]) -> Book:
    return Book(events)


Measures = list[tuple[object, bytes, int, int]]


@pytest.fixture
def measured() -> Measures:
    return []


@pytest.fixture
def packs(bucket: Bucket, book: Book, measured: Measures) -> WholePacks[object]:
    return WholePacks(bucket, book, lambda tx, uid, size, key: measured.append((tx, uid, size, key)))


@pytest.fixture
def store(bucket: Bucket) -> ChunkStore:
    return ChunkStore(bucket)  # type: ignore[arg-type]


@pytest.fixture
def commit(packs: WholePacks[object], ledger: object) -> Iterator[GroupCommit[object]]:
    commit = GroupCommit(packs, ledger)  # type: ignore[arg-type]
    yield commit
    commit.close()


def written(packs: WholePacks[object], group: Sequence[SealedFrame]) -> list[Location]:
    places = packs.write_group(group)
    packs.settle(places)
    return places


def test_a_pack_is_announced_before_it_is_sent(
    packs: WholePacks[object], store: ChunkStore, keys: VaultKeys, other_keys: VaultKeys, events: list[tuple[str, str]]
) -> None:
    for number in range(40):
        written(packs, sealed(store, keys, number) + sealed(store, other_keys, number))
    for place, (verb, name) in enumerate(events):
        if verb == "put":
            assert ("announce", name) in events[:place]
    assert [verb for verb, _ in events].count("put") == 80


def test_a_lone_group_announces_one_pack_and_a_busy_vault_more_and_more_at_a_time(
    packs: WholePacks[object], store: ChunkStore, keys: VaultKeys, other_keys: VaultKeys, book: Book
) -> None:
    for number in range(1 + 2 + 4 + 8 + 16 + 16):
        written(packs, sealed(store, keys, number))
    assert [len(uids) for uids in book.announced] == [1, 2, 4, 8, 16, 16]
    written(packs, sealed(store, other_keys, 1))
    assert len(book.announced[-1]) == 1


def test_a_pack_is_one_request_and_says_itself_what_is_in_it(
    packs: WholePacks[object], store: ChunkStore, keys: VaultKeys, bucket: Bucket
) -> None:
    group = sealed(store, keys, 1, 2, 3)
    places = written(packs, group)
    assert_reads(store, keys, group, places)
    [(name, data)] = bucket.blobs.items()
    assert name == pack_name(keys.vault_uid, places[0].pack)
    assert pack_header(lambda offset, length: data[offset : offset + length]) == PackHeader(
        keys.vault_uid, places[0].pack
    )
    found = list(frames_in(lambda offset, length: data[offset : offset + length], len(data)))
    assert [one.offset for one in found] == [place.offset for place in places]
    assert places[0].offset == PACK_HEADER_BYTES


def test_a_full_pack_is_followed_by_another_and_vaults_never_share_one(
    bucket: Bucket, book: Book, store: ChunkStore, keys: VaultKeys, other_keys: VaultKeys
) -> None:
    packs: WholePacks[object] = WholePacks(bucket, book, lambda *measure: None, pack_bytes_max=5000)
    mine, theirs = sealed(store, keys, *range(20)), sealed(store, other_keys, *range(3))
    large = sealed(store, keys, 99, size=20_000)
    places = written(packs, [*mine[:10], *theirs, *large, *mine[10:]])
    assert_reads(store, keys, mine, places[:10] + places[14:])
    assert_reads(store, other_keys, theirs, places[10:13])
    assert_reads(store, keys, large, places[13:14])
    sizes = [len(data) for data in bucket.blobs.values()]
    assert max(sizes) > 20_000 and sorted(sizes)[-2] <= 5000 + PACK_HEADER_BYTES


def test_the_length_is_recorded_in_the_transaction_that_records_the_frames(
    commit: GroupCommit[object], store: ChunkStore, keys: VaultKeys, ledger: object, measured: Measures, bucket: Bucket
) -> None:
    [frame] = sealed(store, keys, 1)
    place = commit.submit([frame], record(frame))
    [(tx, uid, size, key_number)] = measured
    assert (uid, size, key_number) == (place.pack, len(bucket.blobs[pack_name(keys.vault_uid, place.pack)]), 1)
    assert tx is ledger.database  # type: ignore[attr-defined]
    assert ledger.groups == [2]  # type: ignore[attr-defined]


def test_a_length_that_cannot_be_recorded_is_everyones_error(
    bucket: Bucket, book: Book, store: ChunkStore, keys: VaultKeys, ledger: object
) -> None:
    def refuse(*measure: object) -> None:
        raise ValueError("no such pack")

    commit: GroupCommit[object] = GroupCommit(WholePacks(bucket, book, refuse), ledger)  # type: ignore[arg-type]
    [frame] = sealed(store, keys, 1)
    with pytest.raises(Exception, match="group commit failed"):
        commit.submit([frame], record(frame))
    commit.close()


def test_the_least_key_number_of_the_frames_is_the_packs(
    packs: WholePacks[object], store: ChunkStore, keys: VaultKeys, measured: Measures
) -> None:
    newer = VaultKeys(keys.vault_uid, b"i" * 32, b"s" * 32, {1: b"f" * 32, 3: b"g" * 32})
    older = VaultKeys(keys.vault_uid, b"i" * 32, b"s" * 32, {1: b"f" * 32})
    places = packs.write_group(sealed(store, newer, 1) + sealed(store, older, 2) + sealed(store, newer, 3))
    step = packs.last_step(places)
    assert step is not None
    step("tx")
    assert [key_number for _, _, _, key_number in measured] == [1]


@pytest.mark.parametrize("kind", ["refused", "answer lost"])
def test_a_failed_upload_is_written_anew_under_another_name(
    commit: GroupCommit[object], store: ChunkStore, keys: VaultKeys, bucket: Bucket, book: Book, kind: str
) -> None:
    if kind == "refused":
        bucket.refuse_before = 1
    else:
        bucket.lose_answers = 1
    group = sealed(store, keys, 1, 2)
    places = commit.submit(group, lambda tx, locations: list(locations))
    assert_reads(store, keys, group, places)
    assert [verb for verb, _ in bucket.events if verb == "put"] == ["put", "put"]
    names = [name for verb, name in bucket.events if verb == "put"]
    assert names[0] != names[1] == pack_name(keys.vault_uid, places[0].pack)


def test_a_bucket_that_stays_away_is_everyones_error_and_no_frame_counts(
    commit: GroupCommit[object], store: ChunkStore, keys: VaultKeys, bucket: Bucket, ledger: object, measured: Measures
) -> None:
    bucket.refuse_before = 2
    [frame] = sealed(store, keys, 1)
    with pytest.raises(Unavailable, match="away"):
        commit.submit([frame], record(frame))
    assert ledger.rows() == measured == []  # type: ignore[attr-defined]
    commit.submit([frame], record(frame))
    assert len(ledger.rows()) == 1  # type: ignore[attr-defined]


def test_a_pack_is_open_until_its_transaction_has_ended_and_then_never_again(
    packs: WholePacks[object], store: ChunkStore, keys: VaultKeys, book: Book
) -> None:
    vault = keys.vault_uid
    [place] = packs.write_group(sealed(store, keys, 1))
    assert packs.is_open(vault, place.pack)
    packs.settle([place])
    assert not packs.is_open(vault, place.pack)
    [place] = packs.write_group(sealed(store, keys, 2))
    # One more was announced with it, and may still be begun.
    [_, ahead] = book.announced[1]
    assert packs.is_open(vault, ahead)
    packs.settle([place])
    [place] = packs.write_group(sealed(store, keys, 3))
    assert place.pack == ahead
    packs.settle([place])
    assert not packs.is_open(vault, ahead)


def test_a_pack_whose_upload_failed_is_not_open(
    packs: WholePacks[object], store: ChunkStore, keys: VaultKeys, bucket: Bucket, book: Book
) -> None:
    bucket.refuse_before = 1
    with pytest.raises(Unavailable):
        packs.write_group(sealed(store, keys, 1))
    [[uid]] = book.announced
    assert not packs.is_open(keys.vault_uid, uid)


@pytest.mark.timeout(30)
def test_a_pack_stays_open_while_its_transaction_is_under_way(
    commit: GroupCommit[object], packs: WholePacks[object], store: ChunkStore, keys: VaultKeys, book: Book
) -> None:
    hold = Hold()
    caller = threading.Thread(target=commit.submit, args=(sealed(store, keys, 1), hold))
    caller.start()
    assert hold.begun.wait(120)
    [[uid]] = book.announced
    assert packs.is_open(keys.vault_uid, uid)
    hold.go.set()
    caller.join(120)
    assert not packs.is_open(keys.vault_uid, uid)


def test_what_was_announced_ahead_is_never_begun_once_it_was_let_go(
    packs: WholePacks[object], store: ChunkStore, keys: VaultKeys, book: Book
) -> None:
    for number in range(4):
        written(packs, sealed(store, keys, number))
    ahead = book.announced[-1][1:]
    assert ahead and all(packs.is_open(keys.vault_uid, uid) for uid in ahead)
    packs.let_go()
    assert not any(packs.is_open(keys.vault_uid, uid) for uid in ahead)
    begun = {written(packs, sealed(store, keys, number))[0].pack for number in range(4, 12)}
    assert not begun & set(ahead)


@pytest.mark.timeout(30)
def test_a_group_of_an_ended_writer_is_written_anew_under_another_and_leaves_nothing_behind(
    bucket: Bucket, book: Book, packs: WholePacks[object], store: ChunkStore, keys: VaultKeys, ledger: object
) -> None:
    def begin_anew() -> bool:
        packs.let_go()
        book.ended = False
        return True

    run = ledger.run  # type: ignore[attr-defined]

    def taken_for_dead(steps: object, purpose: object) -> object:
        if not book.ended and len(book.announced) == 1:
            book.ended = True
            raise WriterEnded("taken for dead")
        return run(steps, purpose)

    ledger.run = taken_for_dead  # type: ignore[attr-defined]
    commit: GroupCommit[object] = GroupCommit(packs, ledger, begin_anew=begin_anew)  # type: ignore[arg-type]
    group = sealed(store, keys, 1)
    place = commit.submit(group, record(group[0]))
    commit.close()
    assert_reads(store, keys, group, [place])
    # The pack of the attempt that was refused held nothing else, and nobody will ever name it.
    assert list(bucket.blobs) == [pack_name(keys.vault_uid, place.pack)]


def test_a_closed_set_refuses(packs: WholePacks[object], store: ChunkStore, keys: VaultKeys, bucket: Bucket) -> None:
    packs.close()
    with pytest.raises(Unavailable, match="stopping"):
        packs.write_group(sealed(store, keys, 1))
    assert bucket.events == []


def test_many_lanes_at_a_time_never_share_a_pack(
    packs: WholePacks[object], store: ChunkStore, keys: VaultKeys, ledger: object, bucket: Bucket, measured: Measures
) -> None:
    turn = threading.Lock()
    run = ledger.run  # type: ignore[attr-defined]

    def one_after_the_other(steps: object, purpose: object) -> object:
        with turn:
            return run(steps, purpose)

    ledger.run = one_after_the_other  # type: ignore[attr-defined]
    commit: GroupCommit[object] = GroupCommit(packs, ledger, lanes=4)  # type: ignore[arg-type]

    def write(client: int) -> None:
        for number in range(20):
            data = b"%d/%d" % (client, number)
            frame = store.seal(keys, data, hashlib.sha256(data).digest())
            commit.submit([frame], record(frame))

    threads = [threading.Thread(target=write, args=(client,)) for client in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    commit.close()
    rows = ledger.rows()  # type: ignore[attr-defined]
    assert len(rows) == 12 * 20
    for row in rows:
        store.read(keys, *row)
    assert sorted(uid for _, uid, _, _ in measured) == sorted({location.pack for _, location, _ in rows})
    assert {pack_name(keys.vault_uid, uid) for _, uid, _, _ in measured} == set(bucket.blobs)
    assert not packs._written
