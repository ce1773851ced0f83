"""Brings a catalog file to the schema that this program speaks: numbered SQL files, each in its own transaction."""

from pathlib import Path

import apsw

from holdfast.model.errors import Unavailable


def apply(connection: apsw.Connection) -> None:
    """Applies what is missing. Raises Unavailable for a catalog that a newer program wrote."""
    migrations = _numbered()
    version = int(str(connection.execute("PRAGMA user_version").fetchall()[0][0]))
    if version > len(migrations):
        raise Unavailable(
            f"the catalog has schema {version}, this program knows up to {len(migrations)}: use the newer program"
        )
    for number, text in migrations[version:]:
        for statement in ("BEGIN IMMEDIATE", text, f"PRAGMA user_version = {number}", "COMMIT"):
            for _ in connection.execute(statement):
                pass


def _numbered() -> list[tuple[int, str]]:
    folder = Path(__file__).parent / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(int(name[:4]), folder.joinpath(name).read_text("utf-8")) for name in names]
