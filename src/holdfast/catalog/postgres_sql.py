"""From the text of our statements to PostgreSQL's: one text serves both databases, by four rules.

- `:word` is a parameter, and becomes `$1`, `$2`, ... in the order in which the words first come.
- `IN (:each)` stands for many values, and becomes `= ANY($n)` with an array.
- `CROSS JOIN t ON` keeps SQLite from turning a join round; here it is a plain join, whose order the planner chooses.
- What stands in `/*postgresql: ... */` is for PostgreSQL alone: SQLite reads a comment.
"""

import re
from functools import lru_cache
from typing import NamedTuple

_EACH = re.compile(r"\bIN \(:each\)")
_JOIN = re.compile(r"\bCROSS JOIN (\w+(?: \w+)?) ON\b")
_ONLY_HERE = re.compile(r"/\*postgresql:(.*?)\*/", re.DOTALL)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z]\w*)")


class Translated(NamedTuple):
    """A statement as PostgreSQL reads it, and the words of its parameters in order."""

    text: str
    words: tuple[str, ...]


@lru_cache(maxsize=1024)
def translated(statement: str) -> Translated:
    """The statement by those rules."""
    text = _ONLY_HERE.sub(r"\1", statement)
    text = _JOIN.sub(r"JOIN \1 ON", text)
    text = _EACH.sub("= ANY(:each)", text)
    words: list[str] = []

    def numbered(found: re.Match[str]) -> str:
        word = found[1]
        if word not in words:
            words.append(word)
        return f"${words.index(word) + 1}"

    return Translated(_PARAMETER.sub(numbered, text), tuple(words))
