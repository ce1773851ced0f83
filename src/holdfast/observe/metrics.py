"""The numbers that `/metrics` shows, with an interface cheap enough for every request.

Each `Metrics` owns its registry: two services in one process (tests, the agent's own) never share a counter. Labelled
children are looked up in a plain dictionary, since prometheus-client's own look-up costs more than the increment.
Names and units follow Prometheus: base units, `_total` for counters.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram, Metric

    from holdfast.observe.worker_numbers import WorkerNumbers

_LATENCY_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
_GROUP_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096)


FOR_EVERYONE = frozenset(
    {
        "holdfast_requests", "holdfast_received_bytes", "holdfast_sent_bytes", "holdfast_early_answers",
        "holdfast_refused_connections", "holdfast_connections", "holdfast_body_room_bytes",
        "holdfast_answer_room_bytes", "holdfast_bodies_in_flight", "holdfast_dropped_log_lines", "holdfast_workers",
        "holdfast_worker_starts", "holdfast_oldest_verification_timestamp_seconds", "holdfast_packs_due",
        "holdfast_damaged_chunks",
    }
)  # fmt: skip
"""What a page shows that anyone may read: numbers that are the same whether the store held a chunk before or not.

What is saved by deduplication, what is written, and how long a request took inside tell a writer whether another source
has the file that the writer guessed. A number that is not named here is on the operator's page alone.
"""


class _ForEveryone:
    """A registry of the families that anyone may read."""

    def __init__(self, registry: "CollectorRegistry") -> None:
        self._registry = registry

    def collect(self) -> "Iterator[Metric]":
        return (family for family in self._registry.collect() if family.name in FOR_EVERYONE)


class Metrics:
    """Counters, gauges and histograms of one running service. All methods may be called from any thread."""

    content_type = b"text/plain; version=1.0.0; charset=utf-8"

    def __init__(self, workers: "WorkerNumbers | None" = None) -> None:
        """`workers`: this process is one of several that serve the same address, and each page is about all of them."""
        import prometheus_client as library

        registry = library.CollectorRegistry()
        self._registry = registry
        self._workers = workers
        self._requests = library.Counter(
            "holdfast_requests", "Requests answered", ("operation", "status"), registry=registry
        )
        self._seconds = library.Histogram(
            "holdfast_request_seconds",
            "Seconds from a request's head to its answer",
            ("operation",),
            buckets=_LATENCY_SECONDS,
            registry=registry,
        )
        self._received = library.Counter(
            "holdfast_received_bytes", "Bytes of request bodies received", registry=registry
        )
        self._sent = library.Counter("holdfast_sent_bytes", "Bytes of response bodies sent", registry=registry)
        self._early = library.Counter(
            "holdfast_early_answers", "Requests with Expect: 100-continue answered before their body", registry=registry
        )
        self._refused = library.Counter(
            "holdfast_refused_connections",
            "Connections closed for what they sent, or did not",
            ("reason",),
            registry=registry,
        )
        self._stored_raw = library.Counter(
            "holdfast_chunk_bytes", "Bytes of accepted chunks, unpacked", registry=registry
        )
        self._stored = library.Counter(
            "holdfast_stored_bytes", "Bytes of sealed frames written to packs", registry=registry
        )
        self._dedup = library.Counter(
            "holdfast_deduplicated_bytes", "Bytes of accepted chunks that were stored already", registry=registry
        )
        self._squeezed = library.Counter("holdfast_compressed_bytes", "Bytes saved by compression", registry=registry)
        self._group_size = library.Histogram(
            "holdfast_group_commit_steps", "Requests that shared one commit", buckets=_GROUP_SIZES, registry=registry
        )
        self._group_seconds = library.Histogram(
            "holdfast_group_commit_seconds",
            "Seconds of one commit: fdatasync of packs and the transaction",
            buckets=_LATENCY_SECONDS,
            registry=registry,
        )
        self._request_children: dict[tuple[str, int], Counter] = {}
        self._seconds_children: dict[str, Histogram] = {}

    def request(self, operation: str, status: int, seconds: float, received_bytes: int, sent_bytes: int) -> None:
        """One request answered. `operation` is a modelled name or a fixed word, never a client's string."""
        child = self._request_children.get((operation, status))
        if child is None:
            child = self._request_children[operation, status] = self._requests.labels(operation, str(status))
        child.inc()
        timer = self._seconds_children.get(operation)
        if timer is None:
            timer = self._seconds_children[operation] = self._seconds.labels(operation)
        timer.observe(seconds)
        if received_bytes:
            self._received.inc(received_bytes)
        if sent_bytes:
            self._sent.inc(sent_bytes)

    def early_answer(self) -> None:
        """A request was answered from its head alone, its body never travelled."""
        self._early.inc()

    def refused_connection(self, reason: str) -> None:
        """A connection was closed for what it sent (or did not); `reason` is a fixed word."""
        self._refused.labels(reason).inc()

    def chunk_stored(self, raw_bytes: int, frame_bytes: int) -> None:
        """A chunk unknown until now was written as a frame of `frame_bytes`."""
        self._stored_raw.inc(raw_bytes)
        self._stored.inc(frame_bytes)
        if frame_bytes < raw_bytes:
            self._squeezed.inc(raw_bytes - frame_bytes)

    def chunk_deduplicated(self, raw_bytes: int) -> None:
        """A chunk was accepted that the vault held already."""
        self._stored_raw.inc(raw_bytes)
        self._dedup.inc(raw_bytes)

    def group_committed(self, steps: int, seconds: float) -> None:
        """One commit made `steps` requests durable."""
        self._group_size.observe(steps)
        self._group_seconds.observe(seconds)

    def watch(
        self, name: str, help_text: str, value: Callable[[], float], told: Callable[[], int] | None = None
    ) -> None:
        """A gauge `name` whose value is asked whenever the page is read; `value` must be quick and thread-safe.

        It is this process's, and of several workers the sum is shown; unless it is about the whole store, which one of
        them looks after at a time. Then `told` says how often this process has learnt it, and who learnt it last is
        shown.
        """
        if self._workers is None:
            from prometheus_client import Gauge

            Gauge(name, help_text, registry=self._registry).set_function(value)
        else:
            self._workers.watch(name, help_text, value, told)

    def sample(self) -> None:
        """Notes this process's gauges where other workers read them; for every second or so."""
        if self._workers is not None:
            self._workers.sample()

    def page(self, *, for_everyone: bool = False) -> bytes:
        """Everything, or what strangers may know, in Prometheus' text format; its type is `content_type`."""
        from prometheus_client.exposition import generate_latest

        registry: Any = self._registry if self._workers is None else self._workers.registry()
        if for_everyone:
            registry = _ForEveryone(registry)
        # The times of creation of every counter would double the page, and nobody asks for them.
        lines = generate_latest(registry).splitlines(keepends=True)
        return b"".join(line for line in lines if b"_created" not in line)
