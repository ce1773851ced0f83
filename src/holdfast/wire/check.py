"""Does a value fit its shape: the limits of the model, and the structure of JSON all the way down.

Depth needs no guard of its own: only members that the model knows are walked, and compiled shapes are of known depth.
"""

from collections.abc import Sized

from holdfast.wire.misfit import Absent, Misfit
from holdfast.wire.scalars import FROM_JSON
from holdfast.wire.shapes import Member, Shape

_SCALARS = frozenset(FROM_JSON)
_CHECKED_ALREADY = ("timestamp", "list", "map")


def constrain(shape: Shape, value: object) -> None:
    """Raises Misfit unless `value`, of the right type already, keeps the limits that the model sets for `shape`."""
    if shape.enum is not None and value not in shape.enum:
        raise Misfit(value, "one of " + ", ".join(sorted(shape.enum)))
    if shape.pattern is not None and not _matches(shape, value):
        raise Misfit(value, f"text that matches {shape.pattern.pattern}")
    if shape.minimum is not None or shape.maximum is not None:
        _check_range(shape, value)


def _matches(shape: Shape, value: object) -> bool:
    assert shape.pattern is not None
    # A pattern that names both ends means the whole text; Python's '$' alone would let a trailing line break pass.
    source = shape.pattern.pattern
    whole = source.startswith("^") and source.endswith("$")
    text = str(value)
    return bool(shape.pattern.fullmatch(text) if whole else shape.pattern.search(text))


def _check_range(shape: Shape, value: object) -> None:
    if isinstance(value, int):
        size, unit = value, ""
    else:
        assert isinstance(value, Sized)
        size = len(value)
        unit = " characters long" if shape.type == "string" else " entries long"
    low, high = shape.minimum, shape.maximum
    if low is not None and size < low:
        raise Misfit(value, (f"at least {low}" if high is None else f"{low} to {high}") + unit)
    if high is not None and size > high:
        raise Misfit(value, (f"at most {high}" if low is None else f"{low} to {high}") + unit)


def fit(shape: Shape, value: object) -> object:
    """The value of a JSON document as handlers get it: times in microseconds, blobs as bytes. Raises Misfit."""
    try:
        if shape.type in _SCALARS:
            fitted = FROM_JSON[shape.type](value)
        elif shape.type == "structure":
            fitted = _fit_structure(shape, value)
        elif shape.type == "list":
            fitted = _fit_list(shape, value)
        else:
            fitted = _fit_map(shape, value)
        if shape.type not in _CHECKED_ALREADY:
            constrain(shape, fitted)
    except Misfit as misfit:
        if shape.sensitive:
            misfit.hide()
        raise
    return fitted


def fit_members(members: tuple[Member, ...], document: dict[str, object]) -> dict[str, object]:
    """The members found in `document`, by wire name; null is the same as absent, unknown ones are ignored."""
    fitted: dict[str, object] = {}
    for member in members:
        value = document.get(member.location_name)
        if value is not None:
            try:
                fitted[member.name] = fit(member.shape, value)
            except Misfit as misfit:
                misfit.under(member.name)
                raise
    return fitted


def demand(required: tuple[Member, ...], present: dict[str, object]) -> None:
    """Raises Absent, naming the member, unless every one of `required` is among `present`."""
    for member in required:
        if member.name not in present:
            raise Absent(member.name)


def _fit_structure(shape: Shape, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Misfit(value, "an object")
    try:
        fitted = fit_members(tuple(shape.members.values()), value)
        demand(shape.required, fitted)
    except Misfit as misfit:
        misfit.under(".")
        raise
    return fitted


def _fit_list(shape: Shape, value: object) -> list[object]:
    if not isinstance(value, list):
        raise Misfit(value, "a list")
    # Before the elements are looked at: a list that is too long costs nothing.
    constrain(shape, value)
    assert shape.element is not None
    return [_fit_element(shape.element, position, element) for position, element in enumerate(value)]


def _fit_element(shape: Shape, position: int, value: object) -> object:
    try:
        return fit(shape, value)
    except Misfit as misfit:
        misfit.under(f"[{position}]")
        raise


def _fit_map(shape: Shape, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Misfit(value, "an object")
    constrain(shape, value)
    assert shape.key is not None
    assert shape.element is not None
    fitted: dict[str, object] = {}
    for key, element in value.items():
        try:
            constrain(shape.key, key)
            fitted[key] = fit(shape.element, element)
        except Misfit as misfit:
            misfit.under(f"[{key[:40]!r}]")
            raise
    return fitted
