"""Carries a plan of troubles out, and puts everything right again.

What is always true: whatever was done to the service is undone when `carry_out` returns or raises. A node that ends by
itself is started again, as whatever watches over services would, and counted.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence

from torture.cluster.rig import Rig
from torture.cluster.troubles import Kind, Trouble
from torture.section import Report

_TICK_SECONDS = 0.05
_RESTART_PAUSE_SECONDS = 1.0
_MODES = {
    Kind.CUT: "cut",
    Kind.LONG_CUT: "cut",
    Kind.HALF_OPEN: "half_open",
    Kind.FLICKER: "flicker",
    Kind.SLOW: "slow",
    Kind.DELAY: "delay",
}


class Tormentor:
    """The one thread that starts, pauses and ends nodes."""

    def __init__(self, rig: Rig, report: Report) -> None:
        self.counts: Counter[str] = Counter()
        self._rig = rig
        self._report = report
        self._restart_at: dict[int, float] = {}

    def carry_out(self, plan: Sequence[Trouble], seconds: float, over: Callable[[], bool]) -> None:
        """Everything in the plan at its time, and what is left of `seconds` in peace; less where it is `over`."""
        began = time.monotonic()
        waiting = list(plan)
        under_way: list[Trouble] = []
        try:
            while (now := time.monotonic() - began) < seconds and not over():
                while waiting and waiting[0].at <= now:
                    trouble = waiting.pop(0)
                    self._report(str(trouble))
                    self._begin(trouble)
                    under_way.append(trouble)
                for trouble in [trouble for trouble in under_way if trouble.until <= now]:
                    under_way.remove(trouble)
                    self._end(trouble)
                self._watch()
                time.sleep(_TICK_SECONDS)
        finally:
            for trouble in under_way:
                self._end(trouble)
            for node in self._rig.nodes:
                if not node.runs:
                    node.start()

    def watch_until_ready(self, seconds: float) -> None:
        """Every node is ready. Raises AssertionError where that takes longer."""
        until = time.monotonic() + seconds
        while not all(node.is_ready() for node in self._rig.nodes):
            assert time.monotonic() < until, "nodes do not become ready although nothing troubles them any more"
            self._watch()
            time.sleep(_TICK_SECONDS)

    def _begin(self, trouble: Trouble) -> None:
        self.counts[_name(trouble)] += 1
        match trouble.kind:
            case Kind.KILL:
                for number in trouble.nodes:
                    self._restart_at.pop(number, None)
                    self._rig.nodes[number].kill()
            case Kind.SHORT_PAUSE | Kind.LONG_PAUSE:
                for number in trouble.nodes:
                    if self._rig.nodes[number].runs:
                        self._rig.nodes[number].pause()
            case Kind.DATABASE_CRASH:
                assert self._rig.backing is not None
                self._rig.backing.postgres.stop("immediate")
            case Kind.BUCKET_CRASH:
                assert self._rig.backing is not None
                self._rig.backing.gateway.stop()
            case _:
                self._tell_links(trouble, _MODES[trouble.kind])

    def _end(self, trouble: Trouble) -> None:
        match trouble.kind:
            case Kind.KILL:
                for number in trouble.nodes:
                    self._rig.nodes[number].start()
            case Kind.SHORT_PAUSE | Kind.LONG_PAUSE:
                for number in trouble.nodes:
                    if self._rig.nodes[number].paused:
                        self._rig.nodes[number].resume()
            case Kind.DATABASE_CRASH:
                assert self._rig.backing is not None
                self._rig.backing.postgres.start()
            case Kind.BUCKET_CRASH:
                assert self._rig.backing is not None
                self._rig.backing.gateway.start()
            case _:
                self._tell_links(trouble, "pass_all")

    def _tell_links(self, trouble: Trouble, mode: str) -> None:
        assert self._rig.links is not None
        for number in trouble.nodes:
            self._rig.links.tell(self._rig.link(trouble.target, number), mode)

    def _watch(self) -> None:
        for number, node in enumerate(self._rig.nodes):
            if node.has_ended():
                self.counts["nodes that ended by themselves"] += 1
                self._report(f"{node.name} ended by itself")
                node.kill()
                self._restart_at[number] = time.monotonic() + _RESTART_PAUSE_SECONDS
            elif not node.runs and self._restart_at.get(number, float("inf")) <= time.monotonic():
                del self._restart_at[number]
                node.start()


def _name(trouble: Trouble) -> str:
    return f"times the {trouble.target} was {trouble.kind.value}" if trouble.target else trouble.kind.value
