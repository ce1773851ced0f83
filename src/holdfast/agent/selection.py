"""Which objects of a recovery point are asked for: everything, or the subtrees at some paths."""

import os
from collections.abc import Iterator

from holdfast.agent import names
from holdfast.agent.exchange import Stored, listing
from holdfast.client.api import Api


def selected(api: Api, job_id: str, paths: tuple[str, ...]) -> Iterator[Stored]:
    """The objects at and below `paths` (relative to the source; none means all), in the order of names, each once."""
    wanted = sorted({names.object_name(os.fsencode(path).strip(b"/")) for path in paths})
    if not wanted or names.ROOT in wanted:
        yield from listing(api, job_id)
        return
    for name in wanted:
        if not any(name.startswith(other + "/") for other in wanted):
            yield from (
                one for one in listing(api, job_id, name) if one.name == name or one.name.startswith(name + "/")
            )
