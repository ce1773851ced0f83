"""A recovery point says which path its names are relative to."""

from pathlib import Path

from holdfast.agent import xattrs
from holdfast.agent.exchange import listing
from tests.agent.rig import Rig


def _roots(rig: Rig, arn: str | None) -> dict[str, str]:
    job_id = rig.api.start_restore_job(arn or "")
    found = {}
    for one in listing(rig.api, job_id):
        blob = rig.api.get_object_metadata(job_id, one.token).metadata_blob if one.blob_bytes else None
        root = None if blob is None else xattrs.decode(bytes(blob)).root
        if root is not None:
            found[one.name] = root
    return found


def test_the_top_object_alone_says_which_path_the_names_are_relative_to(rig: Rig) -> None:
    (rig.tree / "folder").mkdir()
    (rig.tree / "folder" / "file").write_text("contents")
    assert _roots(rig, rig.back_up().recovery_point_arn) == {"/": str(rig.tree)}
    for leaf, size in (("small", 10), ("large", 2 * 1024 * 1024)):
        (rig.tree / leaf).write_bytes(bytes(size))
        assert _roots(rig, rig.back_up(path=rig.tree / leaf, new_root=True).recovery_point_arn) == {leaf: str(rig.tree)}
    (rig.tree / "link").symlink_to("small")
    assert _roots(rig, rig.back_up(path=rig.tree / "link", new_root=True).recovery_point_arn) == {"link": str(rig.tree)}


def test_the_path_of_odd_names_is_spelled_as_object_names_are(rig: Rig) -> None:
    odd = Path(rig.tree, "new\nline")
    odd.mkdir()
    (odd / "file").touch()
    assert _roots(rig, rig.back_up(path=odd).recovery_point_arn) == {"/": rf"{rig.tree}/new\x0aline"}
