"""What a model promises of every answer, and an answer lacks."""

from collections.abc import Iterator, Mapping
from typing import Any

from holdfast.wire.shapes import Shape
from holdfast.wire.specs import load


def lacking(operation: str, result: Mapping[str, object]) -> list[str]:
    """The required members, at any depth, that are not in the answer of `operation`."""
    output = load().operation(operation).output
    return [] if output is None else list(_lacking(output, result, operation))


def _lacking(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if shape.type == "structure":
        yield from (f"{path}.{member.name}" for member in shape.required if value.get(member.name) is None)
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _lacking(member.shape, value[name], f"{path}.{name}")
    elif shape.type == "list" and shape.element is not None:
        for each in value:
            yield from _lacking(shape.element, each, f"{path}[]")
