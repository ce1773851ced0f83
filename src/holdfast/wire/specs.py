"""The service models as the codec needs them: what Holdfast serves, compiled once, and what it does not.

Two models are ours and lie in data/ in botocore's own layout, so that the same files give boto3 and the AWS CLI their
clients through AWS_DATA_PATH. AWS Backup's is read from the installed botocore, as data: this module is the one door to
botocore, and nothing of botocore runs while a request is served.
"""

import gzip
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

from holdfast.model.errors import Internal
from holdfast.wire.shapes import Member, Shape, compile_shape

BACKUPSTORAGE = "backupstorage"
BACKUP = "backup"
HOLDFAST = "holdfast"

_DATA = Path(__file__).parent / "data"
_BACKUP_VERSION = "2018-11-15"
_AROUND_BODY = ("querystring", "header")

SERVED_OF_BACKUP = (
    "CreateBackupVault",
    "DescribeBackupVault",
    "ListBackupVaults",
    "DeleteBackupVault",
    "StartBackupJob",
    "DescribeBackupJob",
    "ListBackupJobs",
    "StopBackupJob",
    "StartRestoreJob",
    "DescribeRestoreJob",
    "ListRestoreJobs",
    "ListRecoveryPointsByBackupVault",
    "ListRecoveryPointsByResource",
    "DescribeRecoveryPoint",
    "DeleteRecoveryPoint",
)


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """Where an operation lives: a method and a path template; `labels` maps the template's labels to member names."""

    name: str
    signing_name: str
    method: str
    uri: str
    labels: Mapping[str, str]
    operation: "Operation | None"
    """None for an operation that the model knows and Holdfast does not serve."""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One served operation with its tables; member names are those of the model."""

    name: str
    service: str
    """The model: "backupstorage", "backup" or "holdfast"."""
    signing_name: str
    method: str
    uri: str
    status: int
    """Of a success."""
    input: Shape
    output: Shape | None
    errors: frozenset[str]
    """The error codes that the model lists for it."""
    unsigned_payload: bool
    """Whether clients leave the body out of the signature (UNSIGNED-PAYLOAD)."""
    body: Literal["none", "json", "blob"]
    blob_member: str | None
    """The input member that is the whole body, where `body` is "blob"."""
    converted_labels: tuple[Member, ...]
    """Labels that are more than any string."""
    query: Mapping[bytes, Member]
    """By name in the query string."""
    headers: Mapping[bytes, Member]
    """By lower-case name of the request header."""
    required_head: tuple[Member, ...]
    """Members of query and headers that must be present."""
    required_body: tuple[Member, ...]
    """Members of a JSON body that must be present."""
    json_members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Services:
    """All models together."""

    operations: tuple[Operation, ...]
    routes: tuple[Route, ...]
    """Of every operation in the models, served or not."""
    by_name: Mapping[str, Operation] = field(repr=False)

    def operation(self, name: str) -> Operation:
        """The served operation called `name`; names are unique over the three models. Raises KeyError."""
        return self.by_name[name]


def data_path() -> Path:
    """The directory to name in AWS_DATA_PATH, so that boto3 and the AWS CLI know our two models."""
    return _DATA


@cache
def load() -> Services:
    """The compiled models; read once in a process. Raises Internal where botocore's or our model files are missing."""
    backup = _read_model(resources.files("botocore") / "data" / BACKUP / _BACKUP_VERSION)
    routes = (
        *compile_model(BACKUPSTORAGE, _read_model(_DATA / BACKUPSTORAGE / "2018-04-10")),
        *compile_model(HOLDFAST, _read_model(_DATA / HOLDFAST / "2026-11-01")),
        *compile_model(BACKUP, backup, served=SERVED_OF_BACKUP),
    )
    operations = tuple(route.operation for route in routes if route.operation)
    return Services(operations, routes, {operation.name: operation for operation in operations})


def compile_model(service: str, model: Mapping[str, Any], served: Collection[str] | None = None) -> list[Route]:
    """The routes of one model (the JSON of a service-2.json), with operations for the names in `served` (None: all)."""
    metadata = model["metadata"]
    signing_name = metadata.get("signingName", metadata["endpointPrefix"])
    routes = []
    for name, raw in model["operations"].items():
        operation = None
        if served is None or name in served:
            operation = _compile_operation(service, signing_name, raw, model["shapes"])
        routes.append(
            Route(
                name=name,
                signing_name=signing_name,
                method=raw["http"]["method"],
                uri=raw["http"]["requestUri"],
                labels=_labels(raw, model["shapes"]),
                operation=operation,
            )
        )
    return routes


def _labels(raw: Mapping[str, Any], shapes: Mapping[str, Any]) -> dict[str, str]:
    members = shapes[raw["input"]["shape"]]["members"] if "input" in raw else {}
    return {part["locationName"]: name for name, part in members.items() if part.get("location") == "uri"}


def _compile_operation(service: str, signing_name: str, raw: Mapping[str, Any], shapes: Mapping[str, Any]) -> Operation:
    given = compile_shape(shapes, raw["input"]["shape"]) if "input" in raw else Shape("NoInput", "structure")
    members = given.members.values()
    json_members = tuple(each for each in members if each.location == "body") if given.payload is None else ()
    return Operation(
        name=raw["name"],
        service=service,
        signing_name=signing_name,
        method=raw["http"]["method"],
        uri=raw["http"]["requestUri"],
        status=raw["http"].get("responseCode", 200),
        input=given,
        output=compile_shape(shapes, raw["output"]["shape"]) if "output" in raw else None,
        errors=frozenset(error["shape"] for error in raw.get("errors", ())),
        unsigned_payload=raw.get("authtype") == "v4-unsigned-body",
        body="blob" if given.payload else "json" if json_members else "none",
        blob_member=given.payload,
        converted_labels=tuple(each for each in members if each.location == "uri" and not _is_any_string(each.shape)),
        query={each.location_name.encode(): each for each in members if each.location == "querystring"},
        headers={each.location_name.lower().encode(): each for each in members if each.location == "header"},
        required_head=tuple(each for each in given.required if each.location in _AROUND_BODY and _owed(each)),
        required_body=tuple(each for each in given.required if each in json_members and _owed(each)),
        json_members=json_members,
    )


def _is_any_string(shape: Shape) -> bool:
    return shape.type == "string" and not shape.constrained


def _owed(member: Member) -> bool:
    # AWS SDK for Go v2 leaves zero values out, so an absent number or boolean may mean 0 or false; handlers decide.
    return member.shape.type not in ("integer", "long", "boolean")


def _read_model(folder: Traversable) -> Mapping[str, Any]:
    plain, packed = folder / "service-2.json", folder / "service-2.json.gz"
    try:
        raw = plain.read_bytes() if plain.is_file() else gzip.decompress(packed.read_bytes())
        model: Mapping[str, Any] = json.loads(raw)
    except (OSError, EOFError, ValueError) as unreadable:
        raise Internal(f"the service model in {folder} is unreadable ({unreadable}): reinstall it") from unreadable
    return model
