"""Lists and series: every page size tells the same, filters cut where they say, and increments add up."""

import datetime
import time

from tests.interop.round_trip.job import Service, pages, sha256

NAMES = sorted([f"{folder}/{number:02}" for folder in ("a", "a b", "b%", "ü") for number in range(6)], key=str.encode)


def every_page_size_lists_the_same_objects(service: Service) -> None:
    job = service.start_job()
    for name in NAMES:
        service.put_inline(job, name, name.encode())
    _every_page_size(service, job)
    _every_page_size(service, service.start_restore(service.commit(job)))


def _every_page_size(service: Service, reader: str) -> None:
    assert service.names(reader) == NAMES
    for size in [*range(1, len(NAMES) + 2), 99, 100]:
        page = service.storage.list_objects(StorageJobId=reader, MaxResults=size)
        assert len(page["ObjectList"]) == min(size, len(NAMES))
        assert bool(page.get("NextToken")) == (size < len(NAMES))
        assert service.names(reader, MaxResults=size) == NAMES


def every_page_size_lists_the_same_chunks(service: Service) -> None:
    chunks = [bytes([number]) * (number + 1) for number in range(13)]
    job = service.start_job()
    service.put_chunked(job, "many chunks", chunks)
    restore = service.start_restore(service.commit(job))
    token = service.objects(restore)[0]["ObjectToken"]
    for size in [*range(1, len(chunks) + 2), 100]:
        parameters = {"StorageJobId": restore, "ObjectToken": token, "MaxResults": size}
        listed = list(pages(service.storage.list_chunks, "ChunkList", **parameters))
        assert [(entry["Index"], entry["Length"], entry["Checksum"]) for entry in listed] == [
            (index, len(chunk), sha256(chunk)) for index, chunk in enumerate(chunks)
        ]
        assert len({entry["ChunkToken"] for entry in listed}) == len(chunks)
    assert service.read(restore, token, MaxResults=5) == chunks


def lists_start_where_they_are_told(service: Service) -> None:
    job = service.start_job()
    for name in NAMES:
        service.put_inline(job, name, b"x")
    restore = service.start_restore(service.commit(job))
    bounds = [*NAMES, "", "a", "a ", "a/", "a/03x", "b", "z", "ü/05", "ÿ"]
    for size in (1, 4, 100):
        for bound in filter(None, bounds):
            wanted = [name for name in NAMES if name.encode() >= bound.encode()]
            assert service.names(restore, StartingObjectName=bound, MaxResults=size) == wanted, bound
            wanted = [name for name in NAMES if name.startswith(bound)]
            assert service.names(restore, StartingObjectPrefix=bound, MaxResults=size) == wanted, bound
    both = {"StartingObjectPrefix": "a", "StartingObjectName": "a/02"}
    wanted = [name for name in NAMES if name.startswith("a") and name.encode() >= b"a/02"]
    assert service.names(restore, MaxResults=2, **both) == wanted


def lists_are_cut_by_time(service: Service) -> None:
    source = service.new_source()
    job = service.start_job(source)
    service.put_inline(job, "old", b"1")
    service.put_inline(job, "replaced", b"1")
    time.sleep(1.1)  # whole seconds survive in every client
    between = datetime.datetime.now(datetime.UTC)
    time.sleep(1.1)
    service.put_inline(job, "replaced", b"2")
    service.put_inline(job, "new", b"2")
    first = service.start_restore(service.commit(job))
    second_job = service.start_job(source)
    service.put_inline(second_job, "newest", b"3")
    second = service.start_restore(service.commit(second_job))
    far = datetime.timedelta(days=2)
    for size in (1, 100):
        for reader, late in ((first, ["new", "replaced"]), (second, ["new", "newest", "replaced"])):
            assert service.names(reader, CreatedBefore=between, MaxResults=size) == ["old"]
            assert service.names(reader, CreatedAfter=between, MaxResults=size) == late
            assert service.names(reader, CreatedAfter=between + far, MaxResults=size) == []
            window = {"CreatedAfter": between - far, "CreatedBefore": between + far}
            assert service.names(reader, MaxResults=size, **window) == sorted(["old", *late])


def paginators_follow_every_page(service: Service) -> None:
    storage = service.sessions["holdfast"].client("backupstorage")  # the model that AWS published had no paginators
    job = service.start_job()
    for name in NAMES:
        service.put_chunked(job, name, [b"1", b"2", b"3"])
    restore = service.start_restore(service.commit(job))
    objects = storage.get_paginator("list_objects").paginate(StorageJobId=restore, PaginationConfig={"PageSize": 5})
    found = [entry for page in objects for entry in page["ObjectList"]]
    assert [entry["Name"] for entry in found] == NAMES
    chunks = storage.get_paginator("list_chunks").paginate(
        StorageJobId=restore, ObjectToken=found[0]["ObjectToken"], PaginationConfig={"PageSize": 2}
    )
    assert [entry["Index"] for page in chunks for entry in page["ChunkList"]] == [0, 1, 2]


def a_second_job_adds_replaces_and_deletes(service: Service) -> None:
    source = service.new_source()
    first_job = service.start_job(source)
    assert "RecoveryPointArn" not in service.holdfast.get_incremental_base_backup(BackupJobId=first_job)
    first = {f"file/{number}": b"%d" % number for number in range(8)}
    for name, data in first.items():
        service.put_chunked(first_job, name, [data])
    first_point = service.commit(first_job)

    second_job = service.start_job(source)
    based_on = service.holdfast.get_incremental_base_backup(BackupJobId=second_job)
    assert based_on["RecoveryPointArn"] == first_point
    assert service.contents(second_job) == first  # a job begins as its base
    service.storage.delete_object(BackupJobId=second_job, ObjectName="file/1")
    service.put_chunked(second_job, "file/2", [b"replaced ", b"in two chunks"])
    service.put_inline(second_job, "file/3", b"replaced inline")
    service.put_inline(second_job, "file/new", b"new")
    service.storage.delete_object(BackupJobId=second_job, ObjectName="file/4")
    service.put_inline(second_job, "file/4", b"deleted, then written")
    service.put_inline(second_job, "file/gone", b"written, then deleted")
    service.storage.delete_object(BackupJobId=second_job, ObjectName="file/gone")
    second = {name: data for name, data in first.items() if name != "file/1"} | {
        "file/2": b"replaced in two chunks",
        "file/3": b"replaced inline",
        "file/4": b"deleted, then written",
        "file/new": b"new",
    }
    assert service.contents(second_job) == second
    second_point = service.commit(second_job)

    assert service.contents(service.start_restore(second_point)) == second
    assert service.contents(service.start_restore(first_point)) == first  # what was, stays
    service.backup.delete_recovery_point(BackupVaultName=service.vault, RecoveryPointArn=first_point)
    assert service.contents(service.start_restore(second_point)) == second  # a deleted base harms no child


def the_control_plane_tells_of_jobs_and_points(service: Service) -> None:
    source = service.new_source()
    job = service.start_job(source)
    running = service.backup.describe_backup_job(BackupJobId=job)
    assert (running["State"], running["ResourceArn"]) == ("RUNNING", source)
    service.put_inline(job, "one", b"12345")
    point = service.commit(job)
    done = service.backup.describe_backup_job(BackupJobId=job)
    assert (done["State"], done["RecoveryPointArn"]) == ("COMPLETED", point)
    by_source = service.backup.list_recovery_points_by_resource(ResourceArn=source)["RecoveryPoints"]
    assert [entry["RecoveryPointArn"] for entry in by_source] == [point]
    in_vault = service.backup.get_paginator("list_recovery_points_by_backup_vault").paginate(
        BackupVaultName=service.vault, PaginationConfig={"PageSize": 3}
    )
    assert point in [entry["RecoveryPointArn"] for page in in_vault for entry in page["RecoveryPoints"]]
    described = service.backup.describe_recovery_point(BackupVaultName=service.vault, RecoveryPointArn=point)
    assert (described["Status"], described["ResourceArn"]) == ("COMPLETED", source)
    restore = service.start_restore(point)
    assert service.backup.describe_restore_job(RestoreJobId=restore)["RecoveryPointArn"] == point

    stopped = service.start_job(source)
    service.backup.stop_backup_job(BackupJobId=stopped)
    assert service.backup.describe_backup_job(BackupJobId=stopped)["State"] in ("ABORTING", "ABORTED")
    service.start_job(source)  # an aborted job no longer stands in the way


CHECKS = [
    every_page_size_lists_the_same_objects,
    every_page_size_lists_the_same_chunks,
    lists_start_where_they_are_told,
    lists_are_cut_by_time,
    paginators_follow_every_page,
    a_second_job_adds_replaces_and_deletes,
    the_control_plane_tells_of_jobs_and_points,
]
