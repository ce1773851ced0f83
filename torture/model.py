"""The whole service beside a dictionary: random steps on both, and after each step everything is compared.

hypothesis draws the steps and makes a failure small: what it prints are the steps that are needed, to be run again by
anybody. Examples have no memory of each other.
"""

import shutil
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from torture.compared_store import SOURCES
from torture.content import Content
from torture.ground import DirectoryGround, Ground
from torture.section import Budget, Figures, Report
from torture.tampering import swift_folder
from torture.troubled_world import POOL, TroubledWorld
from torture.world import NAMES

NAME = "the service beside a dictionary"
STEPS_PER_EXAMPLE = 40
EXAMPLES_PER_ROUND = 8

_SOURCE = st.integers(0, len(SOURCES) - 1)
_NAME = st.integers(0, len(NAMES) - 1)
_CHOICE = st.integers(0, 11)
_PIECE = st.sampled_from(POOL)
_NOTE = st.sampled_from([None, None, "n", "note é"])
_SMALL = st.builds(
    lambda piece, note, blob: Content(() if piece is None else ((0, piece),), note, blob),
    st.none() | _PIECE,
    _NOTE,
    st.sampled_from([None, None, POOL[1], POOL[5]]),
)
_CHUNKS = st.dictionaries(st.sampled_from([0, 1, 2, 7, 2**40]), _PIECE, max_size=4)
_LARGE = st.builds(
    lambda chunks, small: Content(tuple(sorted(chunks.items())), small.note, small.blob), _CHUNKS, _SMALL
)

STEPS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "start": {"source": _SOURCE},
    "put": {"source": _SOURCE, "name": _NAME, "content": _LARGE | _SMALL, "way": _CHOICE},
    "put_batch": {"source": _SOURCE, "batch": st.dictionaries(_NAME, _SMALL, min_size=1, max_size=4)},
    "begin_upload": {"source": _SOURCE, "name": _NAME, "content": _LARGE},
    "end_upload": {"source": _SOURCE, "choice": _CHOICE, "content": _SMALL},
    "delete": {"source": _SOURCE, "name": _NAME},
    "backup": {"source": _SOURCE, "changes": st.dictionaries(_NAME, st.none() | _SMALL, max_size=4)},
    "commit": {"source": _SOURCE, "drop": st.booleans()},
    "abort": {"source": _SOURCE},
    "delete_point": {"source": _SOURCE, "choice": _CHOICE},
    "end_reader": {"source": _SOURCE, "choice": _CHOICE},
    "collect": {"threshold": st.sampled_from([1, 20, 100]), "dry": st.sampled_from([False, False, True])},
    "verify": {"source": st.none() | _SOURCE},
    "rotate_key": {"source": _SOURCE},
}
"""What users do; what a life that is killed does."""

TROUBLES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "jump": {"years": st.sampled_from([-30, -2, -1, 1, 2, 50])},
    "restart": {},
    "collect_everything": {},
    "rotate_root": {},
    "rebuild": {"replace": st.booleans()},
    "heal": {"choice": _CHOICE, "name": _NAME, "way": _CHOICE},
    "corrupt": {
        "choice": st.integers(0, 40),
        "place": st.integers(0, 250),
        "bit": st.integers(0, 7),
        "record": st.sampled_from([False, False, False, True]),
    },
    "kill": {
        "steps": st.lists(
            st.one_of(*(st.tuples(st.just(name), st.fixed_dictionaries(args)) for name, args in STEPS.items())),
            max_size=6,
        ),
        "blow": st.integers(1, 60),
    },
}

_WORTH: dict[str, Callable[[TroubledWorld], object]] = {
    "end_upload": lambda world: [job for job in world.jobs() if job.uploads],
    "abort": lambda world: world.jobs(),
    "delete_point": lambda world: world.points(),
    "end_reader": lambda world: [point for point in world.points() if point.reader],
    "heal": lambda world: world.noticed(),
}
"""When a step has anything to do."""

_HISTORY = st.lists(st.dictionaries(_NAME, st.none() | _SMALL, max_size=4), max_size=4)


class ServiceBesideDictionary(RuleBasedStateMachine):
    """One example: a store of its own, and up to STEPS_PER_EXAMPLE steps."""

    done: ClassVar[Counter[str]] = Counter()
    """Steps of all examples by name: figures of a report."""
    ground: ClassVar[Callable[[Path], Ground]] = DirectoryGround
    """Where an example's store is, given a folder of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._place = Path(mkdtemp(prefix="holdfast-model-", dir=swift_folder()))
        self.world = TroubledWorld(self.ground(self._place / "store"))
        self.done["examples"] += 1

    # Every example begins with some history, so that its short life reaches deep states.
    @initialize(history=_HISTORY)
    def begin(self, history: list[dict[int, Content | None]]) -> None:
        for changes in history:
            self.take("backup", source=0, changes=changes)
        self.world.check()

    def take(self, step: str, **arguments: object) -> None:
        """One step, counted."""
        self.world.do(step, arguments)
        self.done[step] += 1
        self.done["steps"] += 1

    def teardown(self) -> None:
        self.world.close()
        self.done["damaged chunks found by reading"] += self.world.model.noticed
        self.done["of them healed by sending the bytes again"] += self.world.model.healed
        shutil.rmtree(self._place)


def _rule(step: str, arguments: dict[str, st.SearchStrategy[Any]]) -> Any:
    def take(self: ServiceBesideDictionary, **drawn: object) -> None:
        self.take(step, **drawn)
        self.world.check()

    take.__name__ = take.__qualname__ = step
    worth = _WORTH.get(step)
    ruled: Any = rule(**arguments)(take)  # type: ignore[call-overload]  # arguments are strategies by name
    return ruled if worth is None else precondition(lambda self: bool(worth(self.world)))(ruled)


for _step, _arguments in (STEPS | TROUBLES).items():
    setattr(ServiceBesideDictionary, _step, _rule(_step, _arguments))


def run_examples(
    count: int,
    number: int,
    *,
    steps: int = STEPS_PER_EXAMPLE,
    shrink: bool = True,
    ground: Callable[[Path], Ground] = DirectoryGround,
) -> None:
    """`count` examples that follow from `number`. What fails is raised with its steps; `shrink` makes them few."""
    machine = seed(number)(type("Machine", (ServiceBesideDictionary,), {"ground": staticmethod(ground)}))
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    rules = settings(
        max_examples=count,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=rules)


def run(budget: Budget, report: Report) -> Figures:
    """Rounds of examples with seeds of their own, until the seconds are over."""
    began = time.monotonic()
    done = ServiceBesideDictionary.done
    done.clear()
    rounds = 0
    losses: list[str] = []
    while budget.goes_on(rounds) and not losses:
        number = budget.seed * 1_000_000 + rounds
        try:
            run_examples(EXAMPLES_PER_ROUND, number)
        except Exception as failed:  # noqa: BLE001 - whatever it is, it is the finding
            evidence = budget.folder / f"steps-{number}.txt"
            evidence.write_text("".join(traceback.format_exception(failed)))
            losses.append(f"run_examples({EXAMPLES_PER_ROUND}, {number}): {str(failed)[:500]} (steps: {evidence})")
        rounds += 1
        report(f"{NAME}: {done['examples']} examples, {done['steps']} steps")
    counts = {"examples": done.pop("examples"), "steps, each with everything compared": done.pop("steps"), **done}
    return Figures(NAME, counts, tuple(losses), time.monotonic() - began)
