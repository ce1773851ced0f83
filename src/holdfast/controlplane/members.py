"""Members of a request as what they are. The codec has checked their types, so that a wrong one here is our defect."""

import json

from holdfast.controlplane.plane import Params
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import IDEMPOTENCY_TOKEN_BYTES_MAX, STORED_OPTIONS_BYTES_MAX
from holdfast.model.names import refuse_controls


def text(params: Params, name: str) -> str:
    """A string that the model requires."""
    value = params[name]
    assert isinstance(value, str)
    return value


def text_or_none(params: Params, name: str) -> str | None:
    """A string that may be absent."""
    value = params.get(name)
    assert value is None or isinstance(value, str)
    return value


def number_or_none(params: Params, name: str) -> int | None:
    """A whole number (or a time in microseconds) that may be absent."""
    value = params.get(name)
    assert value is None or isinstance(value, int)
    return value


def short_token_or_none(params: Params, name: str) -> str | None:
    """A caller's own word for its request (IdempotencyToken, CreatorRequestId). Raises InvalidInput if it is long."""
    value = text_or_none(params, name)
    if value is not None and not 1 <= len(value.encode("utf-8", "surrogatepass")) <= IDEMPOTENCY_TOKEN_BYTES_MAX:
        raise InvalidInput(f"{name} must have 1 to {IDEMPOTENCY_TOKEN_BYTES_MAX} bytes of UTF-8")
    return value if value is None else refuse_controls(value, name)


def stored_json(params: Params, names: tuple[str, ...]) -> str:
    """Those members that are present, as JSON that is equal for equal members. Raises InvalidInput if it is long.

    And where a name or value in it has control characters: it is kept to be shown.
    """
    chosen = {name: params[name] for name in names if params.get(name) is not None}
    kept = json.dumps(chosen, sort_keys=True, separators=(",", ":"))
    if len(kept) > STORED_OPTIONS_BYTES_MAX:
        raise InvalidInput(
            f"{', '.join(chosen)} come to {len(kept)} bytes of JSON: they may have {STORED_OPTIONS_BYTES_MAX} together"
        )
    for name, value in chosen.items():
        _refuse_controls_within(value, name)
    return kept


def _refuse_controls_within(value: object, name: str) -> None:
    """Values of the codec are of known depth."""
    if isinstance(value, str):
        refuse_controls(value, name)
    elif isinstance(value, list):
        for position, element in enumerate(value):
            _refuse_controls_within(element, f"{name}[{position}]")
    elif isinstance(value, dict):
        for key, element in value.items():
            refuse_controls(key, f"a key of {name}")
            _refuse_controls_within(element, f"{name}.{key}")


def loaded_json(kept: str) -> dict[str, object]:
    """What `stored_json` kept."""
    loaded = json.loads(kept)
    assert isinstance(loaded, dict)
    return loaded
