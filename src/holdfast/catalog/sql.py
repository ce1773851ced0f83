"""Named SQL statements from `statements/<noun>.sql`.

A statement begins with a line `-- name: word`; parameters are written `:word`, so that one text serves every database.
Other comments are left out: SQL may be appended to a statement, and must not end up behind a `--`.
"""

import re
from pathlib import Path

_STATEMENTS = Path(__file__).parent / "statements"
_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def load(noun: str) -> dict[str, str]:
    """The statements of one noun by name. Raises FileNotFoundError or ValueError if the file is not as described."""
    text = (_STATEMENTS / f"{noun}.sql").read_text("utf-8")
    pieces = _NAME.split(text)
    statements = {name: _statement(body) for name, body in zip(pieces[1::2], pieces[2::2], strict=True)}
    if len(statements) * 2 != len(pieces) - 1:
        raise ValueError(f"a statement name comes twice in {noun}.sql")
    return statements


def _statement(body: str) -> str:
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
