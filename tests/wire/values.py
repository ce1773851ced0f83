"""Random values that fit a shape, drawn from botocore's reading of the models and not from ours."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AWKWARD = (
    "complete", "put-object", "a/complete", "a/put-object", "object/x/complete", "/", "//", "a/", "/a", "a//b", "a b",
    "a+b", "100%", "%2F", "a%2Fb", "%", "%zz", "~user", "ä", "e\u0301", "日本", "🦀", "...", ".hidden", "a/../b", "?",
    "#", "a?b=c&d", "a=b", "\\", '"', "'", "\t", "\x00", "list", "metadata", "-._~", "arn:aws:x:y:z:0", "\ufeff",
    "\u2028",
)  # fmt: skip

anything = st.sampled_from(AWKWARD) | st.text(max_size=20)
labels = anything.filter(lambda text: text not in ("", ".", ".."))
# What a header carries, once names and metadata are checked: no control characters.
header_text = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
times = st.integers(0, 7 * 10**15).map(lambda microseconds: EPOCH + timedelta(microseconds=microseconds))


def fitting(shape: Any, where: str = "body") -> st.SearchStrategy[Any]:
    """Values of `shape` as boto takes and returns them."""
    meta = shape.metadata
    match shape.type_name:
        case "structure":
            return _structure(shape)
        case "list":
            size = {"min_size": meta.get("min", 0), "max_size": min(meta.get("max", 3), 3)}
            return st.lists(fitting(shape.member), **size)
        case "map":
            return st.dictionaries(fitting(shape.key), fitting(shape.value), max_size=3)
        case "string":
            return _string(shape, where)
        case "integer":
            return st.integers(meta.get("min", -(2**31)), meta.get("max", 2**31 - 1))
        case "long":
            return st.integers(meta.get("min", -(2**63)), meta.get("max", 2**63 - 1))
        case "boolean":
            return st.booleans()
        case "timestamp":
            return times
        case "blob":
            return st.binary(max_size=40)
    raise AssertionError(shape)


def _string(shape: Any, where: str) -> st.SearchStrategy[str]:
    if shape.enum:
        return st.sampled_from(shape.enum)
    if "pattern" in shape.metadata:
        return st.from_regex(shape.metadata["pattern"].removeprefix("^").removesuffix("$"), fullmatch=True)
    return {"uri": labels, "header": header_text}.get(where, anything)


def _structure(shape: Any) -> st.SearchStrategy[dict[str, Any]]:
    parts = {
        name: fitting(member, member.serialization.get("location", "body")) for name, member in shape.members.items()
    }
    required = {name: parts[name] for name in shape.required_members}
    return st.fixed_dictionaries(required, optional={name: parts[name] for name in parts if name not in required})


def inside(value: Any) -> Any:
    """A value of boto's as our handlers see it: times in microseconds since 1970."""
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(microseconds=1)
    if isinstance(value, dict):
        return {key: inside(each) for key, each in value.items()}
    if isinstance(value, list):
        return [inside(each) for each in value]
    return value
