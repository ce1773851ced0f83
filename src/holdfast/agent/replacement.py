"""Whether a backup would put another directory in the place of the one that its source has been so far.

Two directories backed up under one name are told apart by the root that recovery points record: where it has changed
and hardly a name is shared, the new recovery point would list everything as deleted that the series was there to keep.
A directory that moved, or a snapshot mounted elsewhere, shares its names and passes. Recovery points of older versions
record no root: there a lack of shared names earns a warning, since a directory of dated files may well look so.
"""

from collections.abc import Callable, Iterator

from holdfast.agent import names
from holdfast.agent.compare import Verdict, compare
from holdfast.agent.exchange import listing
from holdfast.agent.root import Root
from holdfast.agent.scan import Entry, Event, Unseen
from holdfast.agent.source import Source
from holdfast.client.api import Api
from holdfast.model.errors import InvalidState

SHARED_PERCENT_MIN = 10
SHARED_ENOUGH = 256
"""So many names in common, and the two are the same tree, however many more there are."""


def require_same_tree(
    api: Api,
    job_id: str,
    source: Source,
    known: Root | None,
    tree: Callable[[], Iterator[Event]],
    warn: Callable[[str], None],
) -> None:
    """Raises InvalidState where the base of a job is of another directory than `source`; warns where that may be so.

    `tree` scans the source; it is called only where the root does not settle the question.
    """
    same_kind = known is not None and (known.single is None) == (source.leaf is None)
    if known is not None and same_kind and known.path == source.root:
        return  # also where the files are two, side by side: dumps of every night may have their dates in their names
    if known is not None and not same_kind:
        kinds = ("a single file", "a directory") if known.single is not None else ("a directory", "a single file")
        raise InvalidState(
            f"this source is {kinds[0]}, {known.told}, and {source.as_root.told} is {kinds[1]}; {_REMEDY}"
        )
    shared, total = _shared_names(tree(), api, job_id)
    if shared >= SHARED_ENOUGH or shared * 100 >= total * SHARED_PERCENT_MIN:
        return
    few = f"of {total:,} names in its last recovery point {source.as_root.told} holds {shared:,}"
    if known is None:
        warn(f"{few}: if it is another directory, give it a --source of its own")
        return
    raise InvalidState(f"this source is {known.told} so far, and {few}; {_REMEDY}")


_REMEDY = "give another directory a --source of its own, or say --new-root if this is to take its place"


def _shared_names(tree: Iterator[Event], api: Api, job_id: str) -> tuple[int, int]:
    """How many names of the job's view are in the tree, and how many there are; counted until they are enough."""
    shared = lost = 0
    for verdict, subject in compare(tree, ((one.name, one.metadata) for one in listing(api, job_id))):
        if verdict is Verdict.DELETE:
            lost += subject != names.ROOT
        elif verdict in (Verdict.SAME, Verdict.CHANGE, Verdict.UNSEEN_KEPT):
            shared += isinstance(subject, Entry | Unseen) and subject.name != names.ROOT
        if shared >= SHARED_ENOUGH:
            break
    return shared, shared + lost
