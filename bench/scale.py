"""`make bench-scale`: what each operation costs in vaults of one million objects and more, on both catalogs.

For each catalog and size a generator fills a vault (bench/scaling); then, in several rounds of all sizes in turn, a
`holdfast serve` of its own process is started over each and asked for everything that should not depend on the size.
The table goes to docs/benchmarks.md; what grew between the least and the greatest size stands out in it.

Usage: python -m bench.scale [--catalogs sqlite postgresql] [--objects N ...] [--chunks N ...] [--rounds N]
                             [--minutes N] [--postgres NAME=VALUE ...] [--side-by-side] [--add] [--no-page]
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from bench.report import write
from bench.scaling import filling, measures, page, real_part
from bench.scaling.page import Result
from bench.scaling.places import POSTGRES, SQLITE, Place, new_place
from bench.scaling.plan import Plan
from holdfast.app.build import System
from holdfast.app.in_process import InProcessTransport
from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics

TOP = Path(__file__).resolve().parent.parent
PAGE = TOP / "docs" / "benchmarks.md"
RESULTS = TOP / "build" / "bench-scale.json"
GIB = 1 << 30

_CATALOGS = {"sqlite": SQLITE, "postgresql": POSTGRES}
_ORDER = list(_CATALOGS.values())
# Building an index sorts its keys on disk beside what is there already.
_ROOM_FOR_SORTING = 1.4


def main() -> int:
    """Fill, measure, print, and write the table."""
    options = _options()
    (TOP / "build").mkdir(exist_ok=True)
    results, ended = _earlier() if options.add else ([], {})
    for word in options.catalogs:
        catalog = _CATALOGS[word]
        last = max((result for result in results if result.catalog == catalog), key=_size, default=None)
        measured = _measured(catalog, options, last, ended)
        replaced = {(catalog, *_size(result)) for result in measured}
        results = [result for result in results if (result.catalog, *_size(result)) not in replaced]
        results = sorted([*results, *measured], key=lambda result: (_ORDER.index(result.catalog), *_size(result)))
        RESULTS.write_text(json.dumps({"results": [asdict(result) for result in results], "ended": ended}, indent=1))
    command = " ".join(["make bench-scale", *([f"BENCH_ARGS='{' '.join(sys.argv[1:])}'"] if sys.argv[1:] else [])])
    written = page.markdown(results, command, options.rounds, ended.values())
    print(written)
    if not options.no_page:
        write(PAGE, written, page.BEGIN, page.END)
    return 0


def _measured(catalog: str, options: argparse.Namespace, last: Result | None, ended: dict[str, str]) -> list[Result]:
    """Fills a vault of each size, then measures them in turn, round by round: all sizes see the machine in one state.

    As far as time and disk reach, by what `last` took; `ended` is told where that was.
    """
    until = time.monotonic() + options.minutes * 60
    ended[catalog] = f"{catalog}: all sizes that were asked for"
    vaults: list[_Vault] = []
    with ExitStack() as places:
        for objects, chunks in zip(options.objects, options.chunks or options.objects, strict=True):
            plan = Plan(objects, chunks, side_by_side=options.side_by_side)
            refusal = _refusal(plan, last, until) if last else None
            if refusal:
                ended[catalog] = f"{catalog} ends before {objects:,} objects with {chunks:,} chunks: {refusal}"
                break
            directory = Path(tempfile.mkdtemp(prefix="bench-scale-", dir=TOP / "build"))
            places.callback(shutil.rmtree, directory, ignore_errors=True)
            place = places.enter_context(new_place(catalog, directory / "store", dict(options.postgres)))
            vaults.append(_filled(catalog, place, plan))
            last = vaults[-1].result
        for turn in range(options.rounds):
            for vault in vaults:
                vault.measure(turn)
        for vault in vaults:
            with vault.place.loader() as loader:
                real_part.require_settled(loader)
    return [vault.result for vault in vaults]


def _size(result: Result) -> tuple[int, int]:
    return result.objects, result.chunks


def _refusal(plan: Plan, last: Result, until: float) -> str | None:
    growth = (plan.objects + 2 * plan.chunks) / (last.objects + 2 * last.chunks)
    needed, free = last.catalog_bytes * growth * _ROOM_FOR_SORTING, shutil.disk_usage(TOP / "build").free
    if needed > free:
        return f"it would need some {needed / GIB:.0f} GiB of disk, and {free / GIB:.0f} are free"
    seconds, left = last.fill_seconds * growth, until - time.monotonic()
    if seconds > left:
        return f"filling would take some {seconds / 60:.0f} minutes, and {max(0.0, left) / 60:.0f} are left"
    return None


@dataclass(frozen=True, slots=True)
class _Vault:
    """One that is filled, and what was measured of it so far."""

    place: Place
    plan: Plan
    result: Result

    def measure(self, turn: int) -> None:
        starting = time.monotonic()
        with self.place.service() as service:
            start = {"service start, s": time.monotonic() - starting}
            figures = start | measures.measure_round(service, self.place.server_pid, self.plan, turn)
        self.result.figures.append(figures)
        _say(self.result.catalog, self.plan, f"round {turn + 1}: {figures}")


def _filled(catalog: str, place: Place, plan: Plan) -> _Vault:
    began = time.monotonic()
    filled = fill(place, plan, partial(_say, catalog, plan))
    seconds = time.monotonic() - began
    with place.loader() as loader:
        sizes = loader.sizes()
    return _Vault(place, plan, Result(catalog, filled.objects, filled.chunks, seconds, sizes, []))


def _say(catalog: str, plan: Plan, text: str) -> None:
    print(f"{catalog} {plan.objects:,} objects, {plan.chunks:,} chunks: {text}", flush=True)


def fill(place: Place, plan: Plan, say: filling.Say = print) -> filling.Filled:
    """A new store of that size at `place`."""
    with closing(System(place.options, Metrics(), open_log("warning"), background=False)) as system:
        key = system.access_key
        api = Api(InProcessTransport(system.gateway), Credentials(key.access_key_id, key.secret))
        real_part.write(api, plan)
        with system.catalog.snapshot() as tx:
            [(vault_uid,)] = tx.all("SELECT uid FROM vaults")
        keys = system.keys.open(vault_uid)
    with place.loader() as loader:
        return filling.fill(loader, plan, real_part.read(loader, plan), keys, say)


def _earlier() -> tuple[list[Result], dict[str, str]]:
    told = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"results": [], "ended": {}}
    return [Result(**result) for result in told["results"]], told["ended"]


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text}: it must be NAME=VALUE")
    return name, value


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.scale", description="what does not stay the same as a vault grows")
    parser.add_argument("--catalogs", nargs="*", choices=list(_CATALOGS), default=list(_CATALOGS))
    parser.add_argument("--objects", type=int, nargs="*", default=[100_000, 1_000_000, 10_000_000, 10_000_000])
    parser.add_argument("--chunks", type=int, nargs="*", help="for each of --objects; else as many chunks as objects")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--minutes", type=float, default=60, help="no size is begun that would be filled later than that"
    )
    parser.add_argument(
        "--postgres", metavar="NAME=VALUE", nargs="*", type=_setting, default=[], help="more settings of its server"
    )
    parser.add_argument("--side-by-side", action="store_true", help="names follow one another; else they lie anywhere")
    parser.add_argument("--add", action="store_true", help="keep the results of earlier runs at other sizes")
    parser.add_argument("--no-page", action="store_true", help="do not write docs/benchmarks.md")
    options = parser.parse_args()
    if options.chunks is None and options.objects == parser.get_default("objects"):
        options.chunks = [100_000, 1_000_000, 10_000_000, 100_000_000]
    if options.chunks is not None and len(options.chunks) != len(options.objects):
        parser.error(
            f"--chunks has {len(options.chunks)} sizes, --objects has {len(options.objects)}: give one for each"
        )
    return options


if __name__ == "__main__":
    sys.exit(main())
