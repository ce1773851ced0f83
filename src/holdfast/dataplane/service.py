"""The data plane under its wire names."""

from collections.abc import Callable, Mapping
from functools import partial

from holdfast.access.authenticate import Caller
from holdfast.dataplane.commit_backup_job import Committer
from holdfast.dataplane.delete_object import delete_object, delete_objects
from holdfast.dataplane.get_chunk import get_chunk
from holdfast.dataplane.get_object_metadata import get_object_metadata
from holdfast.dataplane.get_objects import get_objects
from holdfast.dataplane.list_chunks import list_chunks
from holdfast.dataplane.list_objects import list_objects
from holdfast.dataplane.notify_object_complete import notify_object_complete
from holdfast.dataplane.put_chunk import answer_known_chunk, put_chunk
from holdfast.dataplane.put_object import put_object
from holdfast.dataplane.put_objects import put_objects
from holdfast.dataplane.scan_objects import scan_objects
from holdfast.dataplane.start_object import start_object
from holdfast.dataplane.store import Store

Params = Mapping[str, object]
Answer = Mapping[str, object]
Operation = Callable[[Store, Params], Answer]
Handler = Callable[[Caller, Params], Answer]
EarlyHandler = Callable[[Caller, Params], Answer | None]

_OPERATIONS: dict[str, Operation] = {
    "StartObject": start_object,
    "PutChunk": put_chunk,
    "PutObject": put_object,
    "NotifyObjectComplete": notify_object_complete,
    "DeleteObject": delete_object,
    "ListObjects": list_objects,
    "ListChunks": list_chunks,
    "GetChunk": get_chunk,
    "GetObjectMetadata": get_object_metadata,
    "PutObjects": put_objects,
    "GetObjects": get_objects,
    "DeleteObjects": delete_objects,
    "ScanObjects": scan_objects,
}


class DataPlane:
    """The operations of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._committer = Committer(store)

    def handlers(self) -> dict[str, Handler]:
        """Handlers by operation name. Each blocks until its answer is durable."""
        handlers: dict[str, Handler] = {
            name: partial(_call, operation, self._store) for name, operation in _OPERATIONS.items()
        }
        handlers["CommitBackupJob"] = lambda _, params: self._committer.commit_backup_job(params)
        return handlers

    def early(self) -> dict[str, EarlyHandler]:
        """Handlers that may answer before the body was sent; None where they need it."""
        return {"PutChunk": lambda _, params: answer_known_chunk(self._store, params)}


def _call(operation: Operation, store: Store, _: Caller, params: Params) -> Answer:
    return operation(store, params)
