"""Names and bodies: what goes in under a name comes out under that name, byte for byte."""

import os
import unicodedata

from tests.interop.round_trip.job import Service, Unseekable, summary

MIB = 1 << 20
NAMES = [
    "plain", "a/b", "a/b/c.txt", "a b", " leading and trailing ", "100%", "%2F", "a%20b", "%", "1+1", "~home", "x~",
    "Grüße/Straße", "日本語/ファイル", "🗄️.box", unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é"),
    "x/complete", "x/put-object", "complete", "put-object", "/complete", "/put-object", "complete/put-object",
    "a/../b", "a/./b", "a//b", "/lead", "trail/", "...", ".hidden", "?query=1&b=2", "#hash", "a:b;c,d", "quote'\"",
    "back\\slash", "*", "-", "object", "list", "chunks/list", "[brackets]{braces}", "a=b&c=d", "@!$()", "x" * 4096,
]  # fmt: skip


def data_of(name: str) -> bytes:
    return ("data of " + name).encode()


def every_name_comes_back_from_chunked_uploads(service: Service) -> None:
    job = service.start_job()
    for number, name in enumerate(NAMES):
        service.put_chunked(job, name, [data_of(name)], MetadataString=f"number {number}")
    _all_names_are_there(service, job)


def every_name_comes_back_from_single_requests(service: Service) -> None:
    job = service.start_job()
    for number, name in enumerate(NAMES):
        service.put_inline(job, name, data_of(name), MetadataString=f"number {number}")
    _all_names_are_there(service, job)


def _all_names_are_there(service: Service, job: str) -> None:
    assert service.contents(job) == {name: data_of(name) for name in NAMES}  # the running job's own view
    restore = service.start_restore(service.commit(job))
    listed = service.objects(restore)
    assert [entry["Name"] for entry in listed] == sorted(NAMES, key=lambda name: name.encode())
    for entry in listed:
        name = entry["Name"]
        assert service.read(restore, entry["ObjectToken"]) == [data_of(name)]
        assert entry["ObjectChecksum"] == summary([data_of(name)])
        assert entry["ObjectChecksumAlgorithm"] == "SUMMARY"
        assert entry["ChunksCount"] == 1
        assert entry["MetadataString"] == f"number {NAMES.index(name)}"
        assert service.metadata(restore, entry["ObjectToken"]) == (f"number {NAMES.index(name)}", b"")


def every_name_can_be_deleted_again(service: Service) -> None:
    job = service.start_job()
    for name in [*NAMES, "stays"]:
        service.put_inline(job, name, b"x")
    for name in NAMES:
        service.storage.delete_object(BackupJobId=job, ObjectName=name)
        service.storage.delete_object(BackupJobId=job, ObjectName=name)  # again is no error
    assert service.names(job) == ["stays"]
    restore = service.start_restore(service.commit(job))
    assert service.contents(restore) == {"stays": b"x"}


def empty_objects_come_back_empty(service: Service) -> None:
    job = service.start_job()
    service.put_inline(job, "inline, no chunk", None)
    service.put_inline(job, "inline, an empty chunk", b"")
    service.put_chunked(job, "chunked, no chunk", [])
    service.put_chunked(job, "chunked, an empty chunk", [b""])
    restore = service.start_restore(service.commit(job))
    tokens = {entry["Name"]: entry["ObjectToken"] for entry in service.objects(restore)}
    checksums = {entry["Name"]: entry["ObjectChecksum"] for entry in service.objects(restore)}
    for way in ("inline", "chunked"):
        assert service.read(restore, tokens[f"{way}, no chunk"]) == []
        assert checksums[f"{way}, no chunk"] == summary([])
        assert service.read(restore, tokens[f"{way}, an empty chunk"]) == [b""]
        assert checksums[f"{way}, an empty chunk"] == summary([b""])


def chunks_of_sixteen_mebibytes_come_back(service: Service) -> None:
    random, zeros = os.urandom(16 * MIB), bytes(16 * MIB)
    job = service.start_job()
    service.put_chunked(job, "large", [random, zeros, random])
    service.put_inline(job, "large inline", random)
    restore = service.start_restore(service.commit(job))
    tokens = {entry["Name"]: entry["ObjectToken"] for entry in service.objects(restore)}
    assert service.read(restore, tokens["large"]) == [random, zeros, random]
    assert service.read(restore, tokens["large inline"]) == [random]


def bodies_of_unknown_length_are_stored(service: Service) -> None:
    small, large = b"from a pipe", os.urandom(3 * MIB + 17)
    job = service.start_job()
    upload = service.storage.start_object(BackupJobId=job, ObjectName="piped")["UploadId"]
    service.put_chunk(job, upload, 0, small, Unseekable(small))
    service.put_chunk(job, upload, 1, large, Unseekable(large))
    service.put_chunk(job, upload, 2, b"", Unseekable(b""))
    service.complete(job, upload, [small, large, b""])
    service.put_inline(job, "piped inline", large, InlineChunk=Unseekable(large))
    restore = service.start_restore(service.commit(job))
    tokens = {entry["Name"]: entry["ObjectToken"] for entry in service.objects(restore)}
    assert service.read(restore, tokens["piped"]) == [small, large, b""]
    assert service.read(restore, tokens["piped inline"]) == [large]


def chunks_may_come_in_any_order_and_with_gaps(service: Service) -> None:
    chunks = {2**63 - 1: b"last", 0: b"first", 1 << 40: b"middle"}
    job = service.start_job()
    upload = service.storage.start_object(BackupJobId=job, ObjectName="gaps")["UploadId"]
    for index, data in chunks.items():
        answer = service.put_chunk(job, upload, index, data)
        assert service.put_chunk(job, upload, index, data)["ChunkChecksum"] == answer["ChunkChecksum"]  # again: same
    ordered = [chunks[index] for index in sorted(chunks)]
    service.complete(job, upload, ordered)
    service.complete(job, upload, ordered)  # again: same
    restore = service.start_restore(service.commit(job))
    token = service.objects(restore)[0]["ObjectToken"]
    assert service.read(restore, token) == ordered
    listed = service.storage.list_chunks(StorageJobId=restore, ObjectToken=token)["ChunkList"]
    assert [entry["Index"] for entry in listed] == sorted(chunks)


def metadata_comes_back(service: Service) -> None:
    texts = {"ascii": "mode=0644; uid=0", "latin": "Größe", "wide": "日本語 🗄", "longest": "ü" * 128}
    blobs = {
        "none": None,
        "empty": b"",
        "json": b'{"a": [1, 2]}',
        "binary": bytes(range(256)),
        "4 MiB": os.urandom(4 * MIB),
    }
    job = service.start_job()
    for name, text in texts.items():
        service.put_inline(job, "inline " + name, b"x", MetadataString=text)
        service.put_chunked(job, "chunked " + name, [b"x"], MetadataString=text)
    for name, blob in blobs.items():
        service.put_chunked(job, "blob " + name, [b"x"], blob=blob)
    restore = service.start_restore(service.commit(job))
    entries = {entry["Name"]: entry for entry in service.objects(restore)}
    for name, text in texts.items():
        for way in ("inline ", "chunked "):
            assert entries[way + name]["MetadataString"] == text
            assert service.metadata(restore, entries[way + name]["ObjectToken"]) == (text, b"")
    for name, blob in blobs.items():
        assert service.metadata(restore, entries["blob " + name]["ObjectToken"]) == (None, blob or b"")


CHECKS = [
    every_name_comes_back_from_chunked_uploads,
    every_name_comes_back_from_single_requests,
    every_name_can_be_deleted_again,
    empty_objects_come_back_empty,
    chunks_of_sixteen_mebibytes_come_back,
    bodies_of_unknown_length_are_stored,
    chunks_may_come_in_any_order_and_with_gaps,
    metadata_comes_back,
]
