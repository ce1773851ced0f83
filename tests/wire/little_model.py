"""Operations of models made up for a test, for what the shipped models know and no served operation uses."""

from typing import Any

from holdfast.wire.specs import Operation, compile_model


def operation_of(given: dict[str, Any], **shapes: Any) -> Operation:
    """The compiled operation whose input shape is `given`, in the raw form of a model."""
    scalars = {kind: {"type": kind} for kind in ("string", "long", "timestamp", "blob")}
    http = {"method": "GET", "requestUri": "/"}
    model = {
        "metadata": {"endpointPrefix": "backup"},
        "operations": {"Do": {"name": "Do", "http": http, "input": {"shape": "In"}}},
        "shapes": {"In": given, **scalars, **shapes},
    }
    operation = compile_model("backup", model)[0].operation
    assert operation is not None
    return operation
