"""Objects listed and fetched, against an endpoint that answers what a test tells it to."""

from collections.abc import Mapping, Sequence
from typing import cast

import pytest

from holdfast.agent.exchange import Batched, Stored, listing
from holdfast.model import checksum
from holdfast.model.errors import Internal
from holdfast.model.limits import BATCH_CHUNKS_MAX
from holdfast.wire.batch import GetRecord, encode
from tests.client.codec_transport import CodecTransport, api_over


def item(name: str) -> dict[str, object]:
    return {"Name": name, "ObjectChecksum": "s", "ObjectToken": "t", "ChunksCount": 0, "Bytes": 0}


def listed(*pages: Sequence[str], circle: bool = False) -> list[str]:
    """The names that come of a listing of these pages, in a circle or ending with the last."""

    def scan(params: Mapping[str, object]) -> Mapping[str, object]:
        number = int(str(params.get("NextToken", "0")))
        following = (number + 1) % len(pages) if circle else number + 1
        token = str(following) if following < len(pages) else None
        return {"ObjectList": [item(name) for name in pages[number]], "NextToken": token}

    return [one.name for one in listing(api_over(CodecTransport({"ScanObjects": scan})), "job")]


def test_a_list_of_objects_is_read_page_by_page_also_where_pages_are_empty() -> None:
    assert listed(["A", "b"], [], ["b/c", "\uffff", "\U00010000"], []) == ["A", "b", "b/c", "\uffff", "\U00010000"]


@pytest.mark.parametrize("pages", [(["a", "c"], ["b"]), (["a"], ["a"]), (["\U00010000"], ["\uffff"])])
def test_a_list_of_objects_whose_pages_go_back_is_refused(pages: tuple[list[str], ...]) -> None:
    with pytest.raises(Internal, match=r"list of objects goes back: from '.' to a page up to"):
        listed(*pages)


@pytest.mark.parametrize("pages", [([],), (["a"],), (["a"], ["b"], ["c"])])
def test_a_list_of_objects_that_goes_round_in_a_circle_is_refused(pages: tuple[list[str], ...]) -> None:
    with pytest.raises(Internal, match=r"list of objects (never ends|goes back)"):
        listed(*pages, circle=True)


@pytest.mark.parametrize("indexes", [[1, 0], [0, 0]])
def test_a_list_of_chunks_that_is_out_of_order_is_refused(indexes: list[int]) -> None:
    chunks = [{"Index": n, "Length": 0, "Checksum": "x", "ChunkToken": "t"} for n in indexes]
    api = api_over(CodecTransport({"ListChunks": lambda _: {"ChunkList": chunks}}))
    with pytest.raises(Internal, match="list of chunks is out of order"):
        list(api.list_chunks("job", "object"))


def test_objects_with_many_chunks_are_fetched_in_batches_of_as_many_as_a_batch_may_have() -> None:
    counts = {"a": 1, "b": BATCH_CHUNKS_MAX - 1, "c": 1, "d": BATCH_CHUNKS_MAX + 1, "e": 0, "f": BATCH_CHUNKS_MAX}
    asked: list[list[str]] = []
    empty = checksum.encode(checksum.digest(b""))

    def get(params: Mapping[str, object]) -> Mapping[str, object]:
        tokens = cast(list[str], params["ObjectTokens"])
        asked.append(tokens)
        return {"Objects": encode([GetRecord([(0, token.encode())]) for token in tokens])}

    transport = CodecTransport(
        {
            "GetObjects": get,
            "ListChunks": lambda params: {
                "ChunkList": [{"Index": 7, "Length": 0, "Checksum": empty, "ChunkToken": params["ObjectToken"]}]
            },
            "GetChunk": lambda params: {
                "Data": b"", "Length": 0, "Checksum": empty, "ChecksumAlgorithm": "SHA256"
            },
        }
    )  # fmt: skip
    objects = [Stored(name, None, "s", name, count, 0, 0) for name, count in counts.items()]
    records = Batched(api_over(transport)).get("job", objects)
    assert asked == [["a", "b"], ["c"], ["e", "f"]]
    expected: list[list[tuple[int, bytes]]] = [[(0, name.encode())] for name in counts]
    expected[3] = [(7, b"")]
    assert [record.chunks for record in records] == expected
