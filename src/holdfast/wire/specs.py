"""The service models as the codec needs them: what Holdfast serves, each compiled when first asked for, and what not.

Two models are ours and lie in data/ in botocore's own layout, so that the same files give boto3 and the AWS CLI their
clients through AWS_DATA_PATH. Of AWS Backup's the part that is needed lies beside them, taken from botocore's by
`scripts.backup_model`: a command that opens a store reads forty kilobytes where the whole model has hundreds, and
nothing of botocore runs, or is read, where requests are served.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, Literal

from holdfast.model.errors import Internal
from holdfast.wire.shapes import Member, Shape, compile_shape

BACKUPSTORAGE = "backupstorage"
BACKUP = "backup"
HOLDFAST = "holdfast"

_DATA = Path(__file__).parent / "data"
BACKUP_MODEL = Path(__file__).parent / "backup_model.json"
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


@dataclass(frozen=True, eq=False)
class Route:
    """Where an operation lives: a method and a path template; `labels` maps the template's labels to member names."""

    name: str
    signing_name: str
    method: str
    uri: str
    labels: Mapping[str, str]
    compile: "Callable[[], Operation] | None"
    """None for an operation that the model knows and Holdfast does not serve."""

    @cached_property
    def operation(self) -> "Operation | None":
        """The operation with its tables, compiled once; None as above."""
        return None if self.compile is None else self.compile()


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


@dataclass(frozen=True, eq=False)
class Services:
    """All models together."""

    routes: tuple[Route, ...]
    """Of every operation in the models, served or not."""

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Every served operation. A long-lived process asks for them before it serves, so that no request waits."""
        return tuple(route.operation for route in self.routes if route.operation is not None)

    @cached_property
    def by_name(self) -> Mapping[str, Operation]:
        """The served operations by name; names are unique over the three models."""
        return {operation.name: operation for operation in self.operations}

    def operation(self, name: str) -> Operation:
        """The served operation called `name`. Raises KeyError."""
        return self.by_name[name]


def data_path() -> Path:
    """The directory to name in AWS_DATA_PATH, so that boto3 and the AWS CLI know our two models."""
    return _DATA


@cache
def load() -> Services:
    """The models; read once in a process. Raises Internal where one of their files is missing."""
    return Services(
        (
            *compile_model(BACKUPSTORAGE, _read_model(_DATA / BACKUPSTORAGE / "2018-04-10" / "service-2.json")),
            *compile_model(HOLDFAST, _read_model(_DATA / HOLDFAST / "2026-11-01" / "service-2.json")),
            *compile_model(BACKUP, _read_model(BACKUP_MODEL), served=SERVED_OF_BACKUP),
        )
    )


def compile_model(service: str, model: Mapping[str, Any], served: Collection[str] | None = None) -> list[Route]:
    """The routes of one model (the JSON of a service-2.json), with operations for the names in `served` (None: all)."""
    metadata = model["metadata"]
    signing_name = metadata.get("signingName", metadata["endpointPrefix"])
    shapes = model["shapes"]
    routes = []
    for name, raw in model["operations"].items():
        is_served = served is None or name in served
        routes.append(
            Route(
                name=name,
                signing_name=signing_name,
                method=raw["http"]["method"],
                uri=raw["http"]["requestUri"],
                labels=_labels(raw, shapes),
                compile=partial(_compile_operation, service, signing_name, raw, shapes) if is_served else None,
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


def _read_model(path: Path) -> Mapping[str, Any]:
    try:
        model: Mapping[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as unreadable:
        raise Internal(f"the service model {path} is unreadable ({unreadable}): reinstall Holdfast") from unreadable
    return model
