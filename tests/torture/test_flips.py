"""Some of the flips that `make torture` makes, and the proof that the machinery would notice."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from torture import catalog_flips, key_flips, pack_flips, parity_flips, rebuild_flips
from torture.flips import PARTS, Images, make_images, run
from torture.inside import HandClock, Inside
from torture.section import Budget
from torture.tampering import Tally, flip, frames_of, pack_files, swift_place

SEED = 20261122


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    return make_images(tmp_path_factory.mktemp("images"))


@pytest.fixture
def place() -> Iterator[Path]:
    with swift_place() as folder:
        yield folder


def test_a_flipped_bit_of_a_pack_is_an_error_where_it_matters_and_nothing_elsewhere(images: Images, place: Path):
    tally = Tally()
    pack_flips.flip_bytes(images.stopped, images.store, place, Random(SEED), lambda done: done < 400, tally)
    assert tally.wrong == []
    assert tally.counts["flips of packs"] == 400
    for layer in ("by the magic number", "by the checksum of the header", "by the tag"):
        assert tally.counts[f"flips of packs found {layer}"] > 0
    assert tally.counts["flips of packs found otherwise"] == 0


def test_sending_the_data_once_more_makes_the_store_whole(images: Images, place: Path):
    tally = Tally()
    pack_flips.flip_and_heal(images.stopped, images.store, place, Random(SEED), lambda done: done < 60, tally)
    assert tally.wrong == []
    assert tally.counts["flips healed by sending the data once more"] > 40


def test_after_a_flip_a_rebuild_has_everything_or_says_what_is_missing(images: Images, place: Path):
    tally = Tally()
    rebuild_flips.flip_and_rebuild(images.stopped, images.store, place, Random(SEED), lambda done: done < 150, tally)
    assert tally.wrong == []
    assert tally.counts["rebuilds that lack something, and say so"] > 0


def test_parity_repairs_a_flip_on_the_spot_and_never_makes_a_wrong_byte(images: Images, place: Path):
    tally = Tally()
    image = parity_flips.give_parity(images.stopped, place / "image")
    parity_flips.flip_with_parity(image, images.store, place, Random(SEED), lambda done: done < 40, tally)
    assert tally.wrong == []
    assert tally.counts["of them repaired, or where nobody needed it"] >= 20


def test_a_flipped_bit_of_a_key_is_refused_or_means_nothing(images: Images, place: Path):
    tally = Tally()
    files = key_flips.key_files(images.stopped)
    key_flips.flip_keys(images.stopped, files, images.store, place, Random(SEED), lambda done: done < 150, tally)
    assert tally.wrong == []
    assert tally.counts["flips of keys found on opening"] > 0
    assert tally.counts["flips of keys found on use"] > 0


def test_a_flipped_bit_of_a_root_key_under_a_pass_phrase_is_refused_or_means_nothing(images: Images, place: Path):
    tally = Tally()
    image = key_flips.put_under_passphrase(images.stopped, place / "image")
    files = key_flips.key_files(image)[:1]
    key_flips.flip_keys(
        image, files, images.store, place, Random(SEED), lambda done: done < 60, tally, key_flips.PASSPHRASE
    )
    assert tally.wrong == []
    assert tally.counts["flips of keys found on opening"] > 50


def test_a_flipped_bit_of_a_closed_catalog_never_makes_an_answer_wrong(images: Images, place: Path):
    tally = Tally()
    store, names = images.store, catalog_flips.CLOSED
    catalog_flips.flip_catalog(images.stopped, names, store, place, Random(SEED), lambda done: done < 150, tally)
    assert tally.wrong == []
    assert tally.counts["flips of catalogs"] == 150


def test_a_flipped_bit_of_a_killed_services_log_never_makes_an_answer_wrong(images: Images, place: Path):
    tally = Tally()
    store, names = images.store, catalog_flips.KILLED
    catalog_flips.flip_catalog(images.killed, names, store, place, Random(SEED), lambda done: done < 150, tally)
    assert tally.wrong == []
    assert tally.counts["flips of catalogs found on opening"] > 0


def test_the_look_notices_a_wrong_byte_a_wrong_name_and_a_gap(images: Images, tmp_path: Path):
    place = shutil.copytree(images.stopped, tmp_path / "store")
    store = images.store
    inside = Inside(place, HandClock())
    try:
        assert store.look(inside).wrong == []
        inside.call("DeleteObject", BackupJobId=store.running, ObjectName="small")
        gap = store.look(inside).wrong
        assert any("ListObjects" in one for one in gap)
        inside.put(store.running, "small", store.views[store.running]["now"])
        other = store.look(inside).wrong
        for operation in ("ListObjects", "ScanObjects", "ListChunks", "GetObjectMetadata", "GetObjects"):
            assert f"{operation} small" in str(other)
        assert "GetObjects now" not in str(other)
    finally:
        inside.close()


def test_a_flip_turns_the_bits_it_was_told_to(images: Images, tmp_path: Path):
    pack = Path(shutil.copy(pack_files(images.stopped)[0], tmp_path / "pack"))
    before = pack.read_bytes()
    flip(pack, 60, 0x41)
    after = pack.read_bytes()
    assert [place for place in range(len(before)) if before[place] != after[place]] == [60]
    assert before[60] ^ after[60] == 0x41
    flip(pack, 60, 0x41)
    assert pack.read_bytes() == before
    assert len(frames_of(pack)) > 2


def test_the_section_counts_what_it_did(tmp_path: Path):
    said: list[str] = []
    figures = run(Budget(seconds=0, seed=SEED, folder=tmp_path, rounds_min=3), said.append)
    assert figures.losses == ()
    assert figures.counts["flips of packs"] == 6
    assert figures.counts["flips of keys"] == 6
    assert figures.counts["flips of catalogs"] == 6
    assert len(said) == len(PARTS)
