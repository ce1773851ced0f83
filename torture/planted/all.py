"""Every planted bug, in the order of the life of a chunk."""

from torture.planted import asking, collecting, keeping, reading, rebuilding, sharing, strangers, travelling, writing
from torture.planted.bug import Bug

BUGS: tuple[Bug, ...] = (
    *writing.BUGS,
    *reading.BUGS,
    *asking.BUGS,
    *strangers.BUGS,
    *collecting.BUGS,
    *keeping.BUGS,
    *rebuilding.BUGS,
    *sharing.BUGS,
    *travelling.BUGS,
)
