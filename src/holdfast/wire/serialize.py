"""The result of a handler becomes a response, in the places that the model gives to its members.

None means absent, at every depth. A member that the model does not know is a defect of ours and is refused, not
dropped: clients would never see it. A required member that is absent is refused too: typed clients fail without. Header
values travel as raw UTF-8 and never carry a control character.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from typing import cast

import msgspec

from holdfast.model.errors import Internal
from holdfast.wire.message import Buffer, Response
from holdfast.wire.scalars import epoch_seconds
from holdfast.wire.shapes import Member, Shape
from holdfast.wire.specs import Operation

_JSON = (b"content-type", b"application/json")
_BYTES = (b"content-type", b"application/octet-stream")
_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")

_encode = msgspec.json.Encoder().encode


def serialize(operation: Operation, result: Mapping[str, object]) -> Response:
    """The response that carries `result`: members by wire name, times in int microseconds since 1970, blobs as buffers.

    Raises Internal for a result that the model does not allow.
    """
    shape = operation.output
    if shape is None:
        _refuse_unknown(operation.name, result, ())
        return Response(operation.status)
    headers: list[tuple[bytes, bytes]] = []
    document: dict[str, object] = {}
    payload: Buffer = b""
    for name, value in result.items():
        member = shape.members.get(name)
        if member is None:
            _refuse_unknown(operation.name, result, shape.members)
        elif value is None:
            continue
        elif member.location == "header":
            headers.append((member.location_name.lower().encode(), _header_value(member, value)))
        elif name == shape.payload:
            payload = cast(Buffer, value)
        else:
            document[member.location_name] = to_json(member.shape, value)
    for required in shape.required:
        if result.get(required.name) is None:
            raise Internal(f"{operation.name} has no {required.name}, which the model promises")
    if shape.payload is not None:
        return Response(operation.status, (_BYTES, *headers), payload)
    return Response(operation.status, (_JSON, *headers), _encode(document))


def to_json(shape: Shape, value: object) -> object:
    """`value` with times in seconds, blobs in base64 and without what is None, ready for a JSON encoder."""
    if shape.plain:
        return value
    if shape.type == "structure":
        return _structure(shape, cast(Mapping[str, object], value))
    if shape.type == "list":
        assert shape.element is not None
        return _list(shape.element, cast(Iterable[object], value))
    if shape.type == "map":
        assert shape.element is not None
        entries = cast(Mapping[str, object], value).items()
        return {key: to_json(shape.element, each) for key, each in entries if each is not None}
    if shape.type == "timestamp":
        return epoch_seconds(cast(int, value))
    return base64.b64encode(cast(Buffer, value)).decode("ascii")


def _list(element: Shape, values: Iterable[object]) -> list[object]:
    # Lists are where the time goes: a page of a scan has ten thousand entries.
    if element.plain:
        return list(values)
    if element.type == "structure":
        return [_structure(element, cast("Mapping[str, object]", value)) for value in values]
    return [to_json(element, value) for value in values]


def _structure(shape: Shape, value: Mapping[str, object]) -> Mapping[str, object]:
    members = shape.members
    if not value.keys() <= members.keys():
        _refuse_unknown(shape.name, value, members)
    if shape.flat:
        return value if None not in value.values() else {name: each for name, each in value.items() if each is not None}
    present = [(members[name], each) for name, each in value.items() if each is not None]
    return {member.location_name: to_json(member.shape, each) for member, each in present}


def _header_value(member: Member, value: object) -> bytes:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    raw = text.encode("utf-8")
    if _CONTROLS.search(raw):
        raise Internal(f"{member.name} has a control character, which no header may carry")
    return raw


def _refuse_unknown(owner: str, value: Mapping[str, object], members: Iterable[str]) -> None:
    unknown = sorted(value.keys() - set(members))
    if unknown:
        raise Internal(f"{owner} has no member {', '.join(unknown)}")
