"""One object on its way back to being a file."""

import msgspec

from holdfast.agent import names
from holdfast.agent.attributes import Attributes, parse
from holdfast.agent.directory import Directory
from holdfast.agent.exchange import Stored

_FOREIGN_MODE = 0o100644


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """An object, its attributes, and where it goes: `leaf` in `directory`.

    `foreign` objects were written by another client: their chunks follow one another whatever their indexes, since only
    the agent's indexes are byte offsets.
    """

    stored: Stored
    attributes: Attributes
    foreign: bool
    directory: Directory
    leaf: bytes

    @property
    def name(self) -> str:
        return self.stored.name


def interpret(stored: Stored, now_us: int) -> tuple[Attributes, bool, tuple[bytes, ...]]:
    """Attributes, foreignness and path components of an object. Raises InvalidInput for a name that is no path."""
    attributes = parse(stored.metadata)
    if attributes is not None:
        return attributes, False, names.components(stored.name)
    now_ns = now_us * 1000
    made_up = Attributes("f", _FOREIGN_MODE, 0, 0, stored.size, now_ns, now_ns, 0)
    return made_up, True, names.foreign_components(stored.name)
