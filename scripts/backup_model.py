"""Writes the part of AWS Backup's service model that the service reads when it starts, from the installed botocore's.

    .venv/bin/python -m scripts.backup_model

What is left out is documentation, and the shapes of operations that Holdfast does not serve: of those only the method,
the path and the members in the path remain, which is what a router needs in order to refuse them by name.
"""

import gzip
import json
from collections.abc import Collection, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from holdfast.wire.specs import BACKUP_MODEL, SERVED_OF_BACKUP

VERSION = "2018-11-15"
_PROSE = frozenset({"documentation", "documentationUrl"})
_KEPT_OF_METADATA = ("endpointPrefix", "signingName")
_KEPT_OF_OPERATION = ("name", "http", "input", "output", "errors", "authtype")


def botocore_model() -> Mapping[str, Any]:
    """AWS Backup's model, whole."""
    packed = resources.files("botocore") / "data" / "backup" / VERSION / "service-2.json.gz"
    model: Mapping[str, Any] = json.loads(gzip.decompress(packed.read_bytes()))
    return model


def reduced(model: Mapping[str, Any], served: Collection[str]) -> dict[str, Any]:
    """The same model in the same form, with what serving `served` and refusing the rest needs."""
    operations, shapes = {}, {}
    for name, raw in model["operations"].items():
        kept = {key: _plain(raw[key]) for key in _KEPT_OF_OPERATION if key in raw}
        if name in served:
            for part in ("input", "output"):
                if part in kept:
                    _add_with_its_parts(shapes, model["shapes"], kept[part]["shape"])
            kept["errors"] = [{"shape": error["shape"]} for error in kept.get("errors", ())]
        else:
            given = _labels_only(model["shapes"][raw["input"]["shape"]]) if "input" in raw else {}
            kept = {key: kept[key] for key in ("name", "http")}
            if given:
                kept["input"] = {"shape": f"{name}Labels"}
                shapes[f"{name}Labels"] = {"type": "structure", "members": given}
        operations[name] = kept
    metadata = {key: model["metadata"][key] for key in _KEPT_OF_METADATA if key in model["metadata"]}
    return {"metadata": metadata, "operations": operations, "shapes": shapes}


def text(model: Mapping[str, Any]) -> str:
    """A model as the file holds it: a line for each operation and each shape, so that a change of one shows as one."""
    parts = [f'"metadata": {json.dumps(model["metadata"], sort_keys=True)}']
    for title in ("operations", "shapes"):
        lines = [f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in sorted(model[title].items())]
        parts.append(f'"{title}": {{\n' + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _labels_only(shape: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(part) for name, part in shape["members"].items() if part.get("location") == "uri"}


def _add_with_its_parts(found: dict[str, Any], shapes: Mapping[str, Any], name: str) -> None:
    if name in found:
        return
    shape = found[name] = _plain(shapes[name])
    for part in (
        *shape.get("members", {}).values(),
        *(shape[key] for key in ("member", "key", "value") if key in shape),
    ):
        _add_with_its_parts(found, shapes, part["shape"])


def _plain(raw: Any) -> Any:
    if isinstance(raw, Mapping):
        # A member may be called like a key of prose; its value is then a mapping.
        return {key: _plain(each) for key, each in raw.items() if key not in _PROSE or isinstance(each, Mapping)}
    return [_plain(each) for each in raw] if isinstance(raw, list) else raw


if __name__ == "__main__":
    Path(BACKUP_MODEL).write_text(text(reduced(botocore_model(), SERVED_OF_BACKUP)))
