"""Three nodes under attack for a moment; and that the attack is what it says it is."""

import random
import socket
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from holdfast.client.transport import ClientReply, ClientRequest
from holdfast.model.errors import Transient
from scripts.servers.not_here import NotHere
from tests.real_servers import missing
from torture.check import Checker
from torture.cluster import attack, logs, page
from torture.cluster.attack import Attack
from torture.cluster.crowd import Size
from torture.cluster.links import Links
from torture.cluster.patience import Patience, PatientHand
from torture.cluster.rig import cluster
from torture.cluster.run import LEASE_SECONDS, NODES
from torture.cluster.troubles import DATABASE, Kind, Stage, Trouble, plan
from torture.content import Content, Piece
from torture.journal import LedgerJournal
from torture.ledger import Ledger
from torture.page import PAGE
from torture.section import Figures
from torture.service import opened

STAGE = Stage(nodes=3, has_links=True, lease_seconds=5.0)
SHORT = Content(((0, Piece(1, 700)),), "a note")


@pytest.mark.timeout(240)
def test_three_nodes_under_attack_lose_nothing_and_every_client_gets_through(tmp_path: Path) -> None:
    size = Size(writers=3, companions=2, readers=1, agents=1)
    attacked = Attack("three nodes", lambda folder: cluster(folder, NODES), size, LEASE_SECONDS)
    try:
        figures = attack.run(attacked, 20, seed=1, folder=tmp_path / "run", report=print)
    except NotHere as reason:
        missing(reason)
    assert figures.losses == ()
    assert figures.counts["clients that finished"] == size.clients() + 1
    assert figures.counts["nodes killed with -9"] > 0
    assert figures.counts["recovery points compared at the end"] > 0


def test_the_same_dice_make_the_same_plan() -> None:
    assert plan(random.Random(7), 600, STAGE) == plan(random.Random(7), 600, STAGE)
    assert plan(random.Random(7), 600, STAGE) != plan(random.Random(8), 600, STAGE)


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_has_every_trouble_leaves_one_node_alive_and_ends_in_time(seed: int) -> None:
    troubles = plan(random.Random(seed), 600, STAGE)
    assert {trouble.kind for trouble in troubles} == set(Kind)
    assert all(trouble.until <= 600 for trouble in troubles)
    for trouble in troubles:
        assert len(nodes_taken(troubles, trouble.at)) < STAGE.nodes
        if trouble.kind is Kind.LONG_PAUSE:
            assert trouble.seconds > STAGE.lease_seconds
        if trouble.kind is Kind.LONG_CUT:
            assert trouble.seconds > STAGE.lease_seconds and trouble.target == DATABASE and len(trouble.nodes) == 1


def nodes_taken(troubles: list[Trouble], at: float) -> set[int]:
    return {node for one in troubles if one.kind.takes_nodes and one.at <= at < one.until for node in one.nodes}


def test_a_node_alone_over_a_directory_is_only_killed_and_paused() -> None:
    alone = Stage(nodes=1, has_links=False, lease_seconds=5.0)
    kinds = {trouble.kind for trouble in plan(random.Random(1), 600, alone)}
    assert kinds == {Kind.KILL, Kind.SHORT_PAUSE}


class LosesAnswers:
    """Passes requests on, and loses the answers to the first few."""

    def __init__(self, inner: object, lost: int) -> None:
        self.host = b"localhost"
        self.lost = lost
        self._inner = inner

    def send(self, request: ClientRequest, *, expect: bool = False) -> ClientReply:
        reply = self._inner.send(request, expect=expect)  # type: ignore[attr-defined]
        if self.lost:
            self.lost -= 1
            raise Transient("the answer was lost on the way")
        return reply

    def close(self) -> None:
        """There is nothing to close."""


def test_a_patient_hand_gets_through_and_leaves_a_name_alone_whose_change_was_in_doubt(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log, opened(tmp_path / "store", log) as service:
        journal = LedgerJournal(Ledger())
        requester = service.api._requester
        lossy = LosesAnswers(requester._transport, 0)
        requester._transport = lossy
        hand = PatientHand(service.api, journal, Patience(5.0), random.Random(1), 1)
        job = hand.start("default/home", "token")
        hand.put(job, "settled", SHORT)
        lossy.lost = 2
        hand.put(job, "doubted", SHORT)
        hand.put(job, "doubted", Content(note="another"))
        hand.remove(job, "doubted")
        assert hand.left_alone == 2
        lossy.lost = 1
        point = hand.commit(job)
        checker = Checker(service.api, journal.ledger, journal, random.Random(2))
        checker.look(points_max=9, objects_max=9)
        assert (checker.wrong, checker.points, checker.objects) == ([], 1, 2)
        lossy.lost = 1
        hand.delete("default", point)
        checker.look(points_max=9, objects_max=9)
        assert (checker.wrong, journal.ledger.kept("default/home")) == ([], [])


def test_links_do_as_they_are_told() -> None:
    with echo() as target, Links([target, target]) as links:
        assert says_back(links.ports[0], b"good")
        links.tell(0, "cut")
        assert not says_back(links.ports[0], b"cut") and says_back(links.ports[1], b"the other one")
        links.tell(0, "pass_all")
        assert says_back(links.ports[0], b"good again")
        links.tell(0, "flicker")
        assert not all(says_back(links.ports[0], bytes(1000)) for _ in range(2000))
        links.tell(0, "pass_all")
        assert all(says_back(links.ports[0], bytes(1000)) for _ in range(100))


@contextmanager
def echo() -> Iterator[int]:
    """The port of a server that says back what it is told."""

    class Echo(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                while data := self.request.recv(4096):
                    self.request.sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            serving.join()


def says_back(port: int, words: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=120) as talk:
            talk.sendall(words)
            talk.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: talk.recv(4096), b"")) == words
    except OSError:
        return False


def test_a_log_is_judged_by_its_words(tmp_path: Path) -> None:
    log = tmp_path / "node.log"
    log.write_text(
        'holdfast: listening on http://127.0.0.1:1\n{"event":"ready","level":"info"}\nKilled\n'
        '{"event":"the database cannot be reached","level":"warning"}\n'
        '{"event":"request failed","level":"error","exception":"Traceback\\nValueError: 1"}\n'
        '{"event":"request failed","level":"error","exception":"Traceback\\nValueError: 1"}\n'
        "Traceback (most recent call last):\n"
    )
    counts: Counter[str] = Counter()
    found = logs.findings(log, counts)
    assert len(found) == 2 and "ValueError" in found[0] and "most recent call" in found[1]
    assert counts == {"the database cannot be reached": 1}


def test_the_figures_stand_between_marks_of_their_own(tmp_path: Path) -> None:
    text = PAGE.read_text()
    assert text.count(page.BEGIN) == text.count(page.END) == 1
    file = tmp_path / "page.md"
    file.write_text(text)
    page.write(file, page.markdown([Figures("three nodes", {"lives of nodes": 1234})], 600, 1, "make torture-cluster"))
    assert "1,234 lives of nodes" in file.read_text()
    assert file.read_text().partition(page.BEGIN)[0] == text.partition(page.BEGIN)[0]
