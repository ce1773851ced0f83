"""Makes a process ready to be forked: everything that each life would import, compile or compute is there already."""

import gc
import io
import shutil
import threading
from pathlib import Path

from holdfast.wire.specs import load
from torture.actor import make_pieces
from torture.care import verify
from torture.content import Content, Piece
from torture.hand import Hand
from torture.journal import LedgerJournal
from torture.ledger import Ledger
from torture.service import opened


def warm_up(folder: Path) -> None:
    """One small backup in a store of its own below `folder`, which is removed. Leaves this process with one thread."""
    load()
    make_pieces()
    store = folder / "warm-up"
    with opened(store, io.StringIO()) as service:
        hand = Hand(service.api, LedgerJournal(Ledger()))
        job = hand.start("default/warm", "warm")
        whole = Content(((0, Piece(1, 700)),), "warm", Piece(2, 50))
        upload = hand.open(job, "a")
        hand.send(job, upload, 0, Piece(1, 700), expect=True)
        hand.complete(job, upload, "a", whole)
        hand.put_all(job, {"b": whole})
        hand.put(job, "c", Content(((0, Piece(3, 20)),)))
        hand.remove(job, "c")
        point = hand.commit(job)
        reader = service.api.start_restore_job(point)
        tokens = [found.object_token for found in service.api.scan_objects(reader).object_list]
        service.api.get_objects(reader, tokens)
        service.api.get_object_metadata(reader, tokens[0])
        for chunk in service.api.list_chunks(reader, tokens[0]):
            service.api.get_chunk(reader, chunk.chunk_token)
        hand.delete("default", point)
        service.api.collect_garbage(seconds=1)
        verify(service)
        service.api.rotate_vault_key("default")
    shutil.rmtree(store)
    # A fork copies only the thread that calls it: a lock that another one held would stay held for ever.
    assert threading.active_count() == 1, threading.enumerate()
    gc.collect()
    gc.freeze()
