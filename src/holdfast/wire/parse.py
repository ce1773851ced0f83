"""A request becomes the parameters of its operation, checked against the model.

Two steps, so that everything in the head is judged before a byte of the body is read: `parse_head` gives the members
that travel in path, query and headers, `parse_body` adds those of the body. Parameters are keyed by the wire names of
the members; an absent member is an absent key. Times are whole microseconds since 1970, UTC. What names and tokens mean
is left to the handlers.
"""

from collections.abc import Mapping

import msgspec

from holdfast.model.errors import InvalidInput
from holdfast.wire.check import constrain, demand, fit_members
from holdfast.wire.message import Buffer, RequestHead
from holdfast.wire.misfit import Misfit, shorten
from holdfast.wire.scalars import FROM_TEXT, percent_decode
from holdfast.wire.shapes import Member
from holdfast.wire.specs import Operation


def parse_head(operation: Operation, labels: Mapping[str, str], head: RequestHead) -> dict[str, object]:
    """The members of path, query and headers. `labels` are those that the router found, by member name.

    Raises InvalidInput where a value does not fit and MissingInput where one is absent that the model requires, except
    numbers and booleans: some clients do not send zero and false.
    """
    params: dict[str, object] = dict(labels)
    try:
        for member in operation.converted_labels:
            params[member.name] = _value(member, labels[member.name])
        if head.raw_query and operation.query:
            _add_query(operation, params, head.raw_query)
        if operation.headers:
            _add_headers(operation, params, head)
        if operation.required_head:
            demand(operation.required_head, params)
    except Misfit as misfit:
        raise misfit.refusal() from misfit
    return params


def parse_body(operation: Operation, params: dict[str, object], body: Buffer) -> None:
    """Adds the members of the body to `params`: the blob as it is, without a copy, or the checked members of the JSON.

    A blob member is always set, to an empty buffer where nothing was sent: on the wire the two are the same.
    """
    if operation.blob_member is not None:
        params[operation.blob_member] = body
    elif operation.body == "json":
        try:
            members = fit_members(operation.json_members, _document(body))
            demand(operation.required_body, members)
        except Misfit as misfit:
            raise misfit.refusal() from misfit
        params.update(members)


def _value(member: Member, text: str) -> object:
    shape = member.shape
    try:
        value = FROM_TEXT[shape.type](text)
        if shape.type != "timestamp":
            constrain(shape, value)
    except Misfit as misfit:
        if shape.sensitive:
            misfit.hide()
        misfit.under(member.name)
        raise
    return value


def _add_query(operation: Operation, params: dict[str, object], raw_query: bytes) -> None:
    for pair in raw_query.split(b"&"):
        key, _, raw = pair.partition(b"=")
        member = operation.query.get(key)
        if member is None and b"%" in key:
            member = operation.query.get(_decoded("a query parameter", key).encode())
        if member is None:
            # Signatures, tracing and parameters of later models: not ours to judge.
            continue
        if member.name in params:
            raise InvalidInput(f"{member.name} is given more than once in the query: send it once")
        params[member.name] = _value(member, _decoded(member.name, raw))


def _add_headers(operation: Operation, params: dict[str, object], head: RequestHead) -> None:
    for key, raw in head.headers:
        member = operation.headers.get(key)
        if member is None:
            continue
        if member.name in params:
            raise InvalidInput(f"{member.name} is given in more than one header {key.decode('ascii')}: send it once")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as undecodable:
            raise Misfit(raw, "UTF-8", at=member.name) from undecodable
        params[member.name] = _value(member, text)


def _decoded(name: str, raw: bytes) -> str:
    try:
        return percent_decode(raw)
    except Misfit as misfit:
        misfit.under(name)
        raise


def _document(body: Buffer) -> dict[str, object]:
    if not len(body):
        return {}
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError) as malformed:
        raise InvalidInput(f"the body is not JSON: {malformed}; send an object in UTF-8") from malformed
    except RecursionError as deep:
        raise InvalidInput("the body is JSON nested too deeply; send the members of the operation only") from deep
    if not isinstance(document, dict):
        raise InvalidInput(f"the body is {shorten(document)}: it must be a JSON object")
    return document
