"""The merge of a tree and a job view."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.agent.attributes import describe
from holdfast.agent.compare import Verdict, compare
from holdfast.agent.directory import Directory, open_root
from holdfast.agent.scan import Entry, Event, Unseen
from holdfast.model.errors import Internal

_STATUS = os.stat("/")
_HERE: Directory = open_root("/")
_SAME = describe(_STATUS, "f")
_names = st.sets(st.text("ab!/0", min_size=1, max_size=4), max_size=12)


def _entries(names: set[str]) -> list[Event]:
    return [Entry(name, _HERE, name, _STATUS, "f") for name in sorted(names)]


@given(tree=_names, view=_names, changed=_names)
def test_every_name_gets_the_verdict_that_sets_would_give(tree: set[str], view: set[str], changed: set[str]) -> None:
    known = [(name, "hf1 old" if name in changed else _SAME) for name in sorted(view)]
    found: dict[Verdict, list[str]] = {verdict: [] for verdict in Verdict}
    for verdict, subject in compare(iter(_entries(tree)), iter(known)):
        found[verdict].append(subject if isinstance(subject, str) else subject.name)
    assert found[Verdict.ADD] == sorted(tree - view)
    assert found[Verdict.DELETE] == sorted(view - tree)
    assert found[Verdict.CHANGE] == sorted(tree & view & changed)
    assert found[Verdict.SAME] == sorted((tree & view) - changed)


def test_what_could_not_be_seen_is_kept() -> None:
    events: list[Event] = [
        Unseen("a", "denied", subtree=False),
        Unseen("b/", "denied", subtree=True),
        Unseen("c", "denied", subtree=False),
    ]
    view = [(name, _SAME) for name in ("a", "a0", "b!", "b/x", "b/y/z", "b0")]
    verdicts = [(verdict, s if isinstance(s, str) else s.name) for verdict, s in compare(iter(events), iter(view))]
    assert verdicts == [
        (Verdict.UNSEEN_KEPT, "a"),
        (Verdict.DELETE, "a0"),
        (Verdict.DELETE, "b!"),
        (Verdict.UNSEEN_KEPT, "b/"),
        (Verdict.DELETE, "b0"),
        (Verdict.UNSEEN, "c"),
    ]


def test_a_view_out_of_order_is_refused_rather_than_deleted_from(tmp_path: Path) -> None:
    with pytest.raises(Internal):
        list(compare(iter(()), iter([("b", None), ("a", None)])))
