"""Jobs that have not ended are named by who collects, on either database."""

from holdfast.model import checksum
from holdfast.model.arn import source_arn
from tests.agent.rig import Rig


def test_collecting_names_the_jobs_that_have_not_ended_and_what_they_have_put(rig: Rig) -> None:
    job_id = rig.api.start_backup_job("default", source_arn("mail"), "arn:aws:iam::000000000000:role/r").backup_job_id
    rig.api.put_object(job_id, "small", bytes(24), checksum.digest(bytes(24)))
    rig.api.put_chunk(job_id, rig.api.start_object(job_id, "m"), 0, bytes(1000), checksum.digest(bytes(1000)))
    [*_, last] = rig.api.collect_all_garbage()
    [dry] = [rig.api.collect_garbage(dry_run=True)]
    for found in (last, dry):
        [job] = found.open_jobs or []
        assert (job.backup_job_id, job.resource_arn, job.bytes) == (job_id, source_arn("mail"), 1024)
    rig.api.stop_backup_job(job_id)
    [*_, last] = rig.api.collect_all_garbage()
    assert last.open_jobs is None
