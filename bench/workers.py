"""`make bench-workers`: what several workers serve together, against one alone, on an embedded store.

Client processes of many threads store small objects, then chunks of 1 MiB, in services of 1, 2 and 3 workers, turn by
turn; the figures are medians of the rounds, and what counts is their ratio: clients and services share the machine's
cores, so that the absolute numbers say as much about the clients. Who used how much of the cores stands beside them.

Usage: python -m bench.workers [--workers N ...] [--rounds N] [--seconds N] [--clients N] [--threads N]
"""

import argparse
import configparser
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

from bench.machine import machine
from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.client.endpoint import parse_endpoint
from holdfast.client.http import HttpTransport
from holdfast.model import checksum
from holdfast.model.arn import source_arn

TOP = Path(__file__).resolve().parent.parent
SMALL, LARGE = "objects of 1 kB", "chunks of 1 MiB"
_BYTES = {SMALL: 1000, LARGE: 1 << 20}
_ROLE = "arn:aws:iam::000000000000:role/bench"
_WARM_SECONDS = 1.0


def main() -> int:
    """Measure and print the table."""
    options = _options()
    if options.client:
        return _be_client(json.loads(options.client))
    (TOP / "build").mkdir(exist_ok=True)
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    shares: dict[int, list[float]] = defaultdict(list)
    for turn in range(options.rounds):
        order = options.workers[turn % len(options.workers) :] + options.workers[: turn % len(options.workers)]
        for workers in order:
            rates, share = _measured(workers, options)
            shares[workers].append(share)
            for kind, rate in rates.items():
                found[kind, workers].append(rate)
                print(f"round {turn + 1}  {workers} workers  {kind:16} {rate:9.1f} a second", flush=True)
    print()
    print("\n".join(_table(found, shares, options)))
    return 0


def _measured(workers: int, options: argparse.Namespace) -> tuple[dict[str, float], float]:
    """Requests a second of each kind, all clients together, on a new store; the service's share of all CPU time."""
    before = _cpu_seconds()
    place = Path(tempfile.mkdtemp(prefix="bench-workers-", dir=TOP / "build"))
    command = [sys.executable, "-m", "holdfast", "serve", "--data", str(place / "store"), "--listen", "127.0.0.1:0"]
    command += ["--workers", str(workers), "--log-level", "error"]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    try:
        url = service.stdout.readline().split("listening on ")[1].strip()
        rates = {kind: _rate(kind, url, place / "store", options) for kind in (SMALL, LARGE)}
        clients = _cpu_seconds() - before
        service.terminate()
        service.wait()
        return rates, 1 - clients / (_cpu_seconds() - before)
    finally:
        service.kill()
        service.wait()
        service.stdout.close()
        shutil.rmtree(place, ignore_errors=True)
        os.sync()


def _cpu_seconds() -> float:
    """Of all processes that this one has started and seen end, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _rate(kind: str, url: str, store: Path, options: argparse.Namespace) -> float:
    api = _api(url, store)
    job_id = api.start_backup_job("default", source_arn(kind.replace(" ", "-")), _ROLE).backup_job_id
    asked = {"url": url, "store": str(store), "job": job_id, "kind": kind, "seconds": options.seconds}
    clients = []
    for number in range(options.clients):
        words = json.dumps({**asked, "threads": options.threads, "number": number})
        clients.append(
            subprocess.Popen([sys.executable, "-m", "bench.workers", "--client", words], stdout=subprocess.PIPE)
        )
    done = sum(int(client.communicate()[0]) for client in clients)
    if any(client.returncode for client in clients):
        raise SystemExit("bench: a client failed")
    api.close()
    return done / options.seconds


def _be_client(asked: dict[str, object]) -> int:
    """Stores in many threads; prints how many requests were answered within the time."""
    kind, seconds, threads = str(asked["kind"]), float(str(asked["seconds"])), int(str(asked["threads"]))
    api = _api(str(asked["url"]), Path(str(asked["store"])))
    job_id, number = str(asked["job"]), asked["number"]
    begins = time.monotonic() + _WARM_SECONDS
    counts = [0] * threads

    def work(thread: int) -> None:
        upload_id = api.start_object(job_id, f"{number}/{thread}/large") if kind == LARGE else ""
        index = 0
        while time.monotonic() < begins + seconds:
            data = os.urandom(_BYTES[kind])
            if upload_id:
                api.put_chunk(job_id, upload_id, index, data, checksum.digest(data))
            else:
                api.put_object(job_id, f"{number}/{thread}/{index}", data, checksum.digest(data))
            index += 1
            counts[thread] += begins <= time.monotonic() < begins + seconds

    crew = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    for each in crew:
        each.start()
    for each in crew:
        each.join()
    print(sum(counts))
    return 0


def _api(url: str, store: Path) -> Api:
    profiles = configparser.ConfigParser(interpolation=None)
    profiles.read(store / "credentials")
    key = profiles["default"]
    credentials = Credentials(key["aws_access_key_id"], key["aws_secret_access_key"])
    return Api(HttpTransport(parse_endpoint(url, "the benchmark")), credentials)


def _table(
    found: dict[tuple[str, int], list[float]], shares: dict[int, list[float]], options: argparse.Namespace
) -> list[str]:
    lines = [f"{options.rounds} rounds of {options.seconds} s, {options.clients} client processes of {options.threads}"]
    lines[0] += " threads; medians, and in brackets the least and the most"
    lines += machine("the stores")
    lines += ["", "| workers | " + " | ".join(f"{kind}, a second | against 1" for kind in _BYTES)]
    lines[-1] += " | CPU time of the service |"
    lines += ["|---" * (2 + 2 * len(_BYTES)) + "|"]
    for workers in options.workers:
        cells = []
        for kind in _BYTES:
            rates = found[kind, workers]
            ratio = median(rates) / median(found[kind, options.workers[0]])
            cells.append(f"{median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f}) | {ratio:.2f}")
        cells.append(f"{median(shares[workers]):.0%} of all")
        lines.append(f"| {workers} | " + " | ".join(cells) + " |")
    return lines


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.workers")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3], metavar="N")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--clients", type=int, default=2, help="client processes")
    parser.add_argument("--threads", type=int, default=16, help="threads of each client process")
    parser.add_argument("--client", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
