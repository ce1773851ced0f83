"""The raw path of a request finds its operation: split first, decode afterwards, each label exactly once.

So an object called 'x/put-object' or 'a%2Fb' can never be taken for another path. A path that changes when its dot
segments are removed is refused before anything is looked up, because signatures and proxies may see the shorter one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from holdfast.model.errors import Denied, InvalidInput, InvalidState, NotFound
from holdfast.wire.message import RequestHead
from holdfast.wire.misfit import Misfit, shorten
from holdfast.wire.scalars import percent_decode
from holdfast.wire.specs import Operation, Route, Services

_DOTS = (b".", b"..")
_SEGMENTS_MAX = 16
"""More than any route has."""


@dataclass(frozen=True, slots=True)
class Routed:
    """The operation a request asks for, and its path labels by wire name of the member, decoded."""

    operation: Operation
    labels: dict[str, str]


@dataclass(slots=True)
class _Node:
    """What may follow the path so far; built once, then only read."""

    literals: dict[bytes, "_Node"] = field(default_factory=dict)
    label: "_Node | None" = None
    leaf: "_Leaf | None" = None


@dataclass(frozen=True, slots=True)
class _Leaf:
    route: Route
    labels: tuple[tuple[int, str], ...]
    """Position of each label among the segments, and its member."""


class Router:
    """Routes by the service that the request is signed for, its method and its raw path."""

    def __init__(self, services: Services) -> None:
        self._trees: dict[str, dict[str, _Node]] = {}
        for route in services.routes:
            methods = self._trees.setdefault(route.signing_name, {})
            _plant(methods.setdefault(route.method, _Node()), route)

    @staticmethod
    def check_raw_path(raw_path: bytes) -> None:
        """InvalidInput for a path that no signature should be computed over: relative, or with dot segments."""
        _segments(raw_path)

    def route(self, head: RequestHead, signing_name: str) -> Routed:
        """The operation and its labels.

        Raises NotFound for a path that no model knows, InvalidInput for one that is malformed, has an empty label or
        another method, InvalidState for an operation that the model knows and nobody serves, Denied for a signature
        that names another service.
        """
        methods = self._trees.get(signing_name)
        if methods is None:
            raise Denied(f"the request is signed for {shorten(signing_name)}: sign it for {' or '.join(self._trees)}")
        segments = _segments(head.raw_path)
        tree = methods.get(head.method)
        leaf = _find(tree, segments) if tree is not None else None
        if leaf is None:
            raise self._lost(head, signing_name, segments)
        if leaf.route.operation is None:
            raise InvalidState(
                f"{leaf.route.name} is not offered by this service, which serves a part of AWS Backup:"
                " see its documentation for what there is instead"
            )
        return Routed(leaf.route.operation, {name: _label(segments[at], name) for at, name in leaf.labels})

    def guess(self, head: RequestHead) -> tuple[str, dict[str, bytes]] | None:
        """The name and the undecoded labels of the operation that a refused request would have been, if a path fits."""
        segments = head.raw_path[1:].split(b"/", _SEGMENTS_MAX)
        for methods in self._trees.values():
            tree = methods.get(head.method)
            leaf = _find(tree, segments) if tree is not None else None
            if leaf is not None:
                return leaf.route.name, {name: segments[at] for at, name in leaf.labels}
        return None

    def _lost(self, head: RequestHead, signing_name: str, segments: list[bytes]) -> InvalidInput | NotFound:
        shown = f"{shorten(head.method)} {shorten(head.raw_path)}"
        ways = [
            (service, f"{method} ({leaf.route.name})")
            for service, methods in self._trees.items()
            for method, tree in methods.items()
            if (leaf := _find(tree, segments)) is not None
        ]
        here = [way for service, way in ways if service == signing_name]
        if here:
            return InvalidInput(f"{shown} is not an operation: this path takes {' or '.join(here)}")
        if ways:
            return NotFound(
                f"{shown} is not an operation of {signing_name}: sign it for {ways[0][0]}, whose path it is"
            )
        return NotFound(f"{shown} is not an operation of {signing_name}: check the endpoint and the path")


def _plant(root: _Node, route: Route) -> None:
    template = route.uri.partition("?")[0]
    node = root
    labels = []
    for position, part in enumerate(template.split("/")[1:]):
        if part.startswith("{"):
            labels.append((position, route.labels[part.strip("{}")]))
            node.label = node.label or _Node()
            node = node.label
        elif part:
            node = node.literals.setdefault(part.encode(), _Node())
    leaf = _Leaf(route, tuple(labels))
    node.leaf = node.leaf or leaf
    if template.endswith("/"):
        # A template that ends in a slash is served without it as well.
        node.literals.setdefault(b"", _Node()).leaf = leaf


def _segments(raw_path: bytes) -> list[bytes]:
    if not raw_path.startswith(b"/"):
        raise InvalidInput(f"the path {shorten(raw_path)} must begin with a slash")
    segments = raw_path[1:].split(b"/")
    if b"/." in raw_path and any(dots in segments for dots in _DOTS):
        raise InvalidInput(
            f"the path {shorten(raw_path)} has a segment '.' or '..', which not every party of a request keeps: rename"
        )
    return segments


def _find(node: _Node, segments: list[bytes], position: int = 0) -> _Leaf | None:
    """The leaf at `segments`; a literal segment goes before a label, so two ways at most at each of a few levels."""
    if position == len(segments):
        return node.leaf
    for following in _ways(node, segments[position]):
        leaf = _find(following, segments, position + 1)
        if leaf is not None:
            return leaf
    return None


def _ways(node: _Node, segment: bytes) -> Iterator[_Node]:
    literal = node.literals.get(segment)
    if literal is not None:
        yield literal
    if node.label is not None:
        yield node.label


def _label(segment: bytes, name: str) -> str:
    try:
        text = percent_decode(segment)
    except Misfit as misfit:
        misfit.under(name)
        raise misfit.refusal() from misfit
    if text in ("", ".", ".."):
        raise InvalidInput(f"{name} in the path is {text!r}: it must be a name, not empty and neither '.' nor '..'")
    return text
