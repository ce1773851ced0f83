"""Numbers of things, in words that agree with them."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`1 file`, `2 files`, `1,000 directories`: the plural is given where an 's' does not make it."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
