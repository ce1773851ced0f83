"""The data plane under its wire names."""

from collections.abc import Callable, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, cast

from holdfast.access.authenticate import Caller
from holdfast.dataplane.store import Store

if TYPE_CHECKING:
    from holdfast.dataplane.commit_backup_job import Committer

Params = Mapping[str, object]
Answer = Mapping[str, object]
Operation = Callable[[Store, Params], Answer]
Handler = Callable[[Caller, Params], Answer]
EarlyHandler = Callable[[Caller, Params], Answer | None]

_OPERATIONS = {
    "StartObject": "start_object.start_object",
    "PutChunk": "put_chunk.put_chunk",
    "PutObject": "put_object.put_object",
    "NotifyObjectComplete": "notify_object_complete.notify_object_complete",
    "DeleteObject": "delete_object.delete_object",
    "ListObjects": "list_objects.list_objects",
    "ListChunks": "list_chunks.list_chunks",
    "GetChunk": "get_chunk.get_chunk",
    "GetObjectMetadata": "get_object_metadata.get_object_metadata",
    "PutObjects": "put_objects.put_objects",
    "GetObjects": "get_objects.get_objects",
    "DeleteObjects": "delete_object.delete_objects",
    "ScanObjects": "scan_objects.scan_objects",
}
"""Where each operation is: its module and its function, imported when it is first called."""


class DataPlane:
    """The operations of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: dict[str, Operation] = {}

    def handlers(self) -> dict[str, Handler]:
        """Handlers by operation name. Each blocks until its answer is durable."""
        handlers = {name: self._handler(name) for name in _OPERATIONS}
        handlers["CommitBackupJob"] = lambda _, params: self._committer.commit_backup_job(params)
        return handlers

    def early(self) -> dict[str, EarlyHandler]:
        """Handlers that may answer before the body was sent; None where they need it."""

        def known(_: Caller, params: Params) -> Answer | None:
            from holdfast.dataplane.put_chunk import answer_known_chunk

            return answer_known_chunk(self._store, params)

        return {"PutChunk": known}

    def load(self) -> None:
        """Imports every operation: a service does so before it serves, so that no request waits for it."""
        for name in _OPERATIONS:
            self._operation(name)
        assert self._committer

    def _handler(self, name: str) -> Handler:
        return lambda _, params: self._operation(name)(self._store, params)

    def _operation(self, name: str) -> Operation:
        operation = self._loaded.get(name)
        if operation is None:
            module, function = _OPERATIONS[name].split(".")
            operation = cast(Operation, getattr(import_module(f"{__package__}.{module}"), function))
            self._loaded[name] = operation
        return operation

    @cached_property
    def _committer(self) -> "Committer":
        from holdfast.dataplane.commit_backup_job import Committer

        return Committer(self._store)
