"""Rows of packs: which there are, whose they are, how much of each is dead, and which are on their way out."""

from holdfast.catalog import sql
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import Internal

_SQL = sql.load("packs")


def register(tx: Tx, vault_uid: bytes, pack_uid: bytes, writer_no: int) -> None:
    """A pack that this writer is about to begin. Must be durable before its file is made."""
    if tx.run(_SQL["insert"], {"uid": pack_uid, "vault_uid": vault_uid, "writer_no": writer_no}) != 1:
        raise Internal(f"the catalog knows no vault {vault_uid.hex()}, and a frame is to be written for it")
