"""The shapes of a service model, compiled once so that nobody reads model JSON while a request waits.

A `Shape` is a tree of frozen values: members, constraints and element shapes stand where they are used. A served
operation whose shapes refer to themselves is refused at load, so the depth of every structure is known and walking one
needs no guard.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from holdfast.model.errors import Internal

Location = Literal["uri", "querystring", "header", "body"]

_INTEGER_RANGES = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}
_TYPES = frozenset({"structure", "list", "map", "string", "integer", "long", "boolean", "timestamp", "blob"})
_SENT_AS_THEY_ARE = frozenset({"string", "integer", "long", "boolean"})


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One shape of a model. `minimum` and `maximum` bound a number, or the length of a string, list or map."""

    name: str
    type: str
    members: Mapping[str, "Member"] = field(default_factory=dict, repr=False)
    """Of a structure, by wire name of the member."""
    required: tuple["Member", ...] = ()
    element: "Shape | None" = None
    """Of a list: its members; of a map: its values."""
    key: "Shape | None" = None
    enum: frozenset[str] | None = None
    pattern: re.Pattern[str] | None = None
    minimum: int | None = None
    maximum: int | None = None
    sensitive: bool = False
    """Its values must not be shown in messages."""
    payload: str | None = None
    """Of a structure: the member that is the whole body."""
    flat: bool = False
    """Whether a structure in Python is the structure in JSON, once nothing in it is None."""

    @property
    def constrained(self) -> bool:
        """Whether the model limits its values beyond their type."""
        limits: tuple[object, ...] = (self.enum, self.pattern, self.minimum, self.maximum)
        return any(limit is not None for limit in limits)

    @property
    def plain(self) -> bool:
        """Whether a value in Python is the value in JSON."""
        return self.type in _SENT_AS_THEY_ARE


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One member of a structure: its wire name, where it travels and under which name there."""

    name: str
    shape: Shape
    location: Location
    location_name: str


def compile_shape(shapes: Mapping[str, Any], name: str, outer: tuple[str, ...] = ()) -> Shape:
    """The compiled form of shape `name` of a model's `shapes`. Raises Internal on what the codec does not know."""
    if name in outer:
        raise Internal(f"shape {name} contains itself: the codec serves shapes of known depth only")
    raw = shapes[name]
    kind = raw["type"]
    if kind not in _TYPES:
        raise Internal(f"shape {name} is of type {kind!r}, which the codec does not know")
    within = (*outer, name)
    members = {wire: _compile_member(shapes, wire, part, within) for wire, part in raw.get("members", {}).items()}
    element = raw.get("member") or raw.get("value")
    lowest, highest = _INTEGER_RANGES.get(kind, (None, None))
    return Shape(
        name=name,
        type=kind,
        members=members,
        required=tuple(members[wire] for wire in raw.get("required", ())),
        element=compile_shape(shapes, element["shape"], within) if element else None,
        key=compile_shape(shapes, raw["key"]["shape"], within) if "key" in raw else None,
        enum=frozenset(raw["enum"]) if "enum" in raw else None,
        pattern=re.compile(raw["pattern"]) if "pattern" in raw else None,
        minimum=raw.get("min", lowest),
        maximum=raw.get("max", highest),
        sensitive=raw.get("sensitive", False),
        payload=raw.get("payload"),
        flat=all(each.shape.plain and each.location_name == each.name for each in members.values()),
    )


def _compile_member(shapes: Mapping[str, Any], wire: str, raw: Mapping[str, Any], outer: tuple[str, ...]) -> Member:
    shape = compile_shape(shapes, raw["shape"], outer)
    return Member(wire, shape, raw.get("location", "body"), raw.get("locationName", wire))
