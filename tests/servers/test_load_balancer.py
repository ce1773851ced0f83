import http.client
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.servers.load_balancer import LoadBalancer
from scripts.servers.not_here import NotHere
from scripts.servers.ports import free_port
from tests.real_servers import missing


class Node:
    """Answers every request with its port and the path as it came; it may die and come back."""

    def __init__(self) -> None:
        self.port = free_port()
        self.continues = 0
        self.open: list[socket.socket] = []
        self.start()

    def start(self) -> None:
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = f"{node.port} {self.path}".encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_PUT = do_GET  # noqa: N815 - http.server's own names

            def setup(self) -> None:
                node.open.append(self.request)
                super().setup()

            def handle_expect_100(self) -> bool:
                node.continues += 1
                return super().handle_expect_100()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def die(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        for connection in self.open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.open.clear()
        self.thread.join()


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    nodes = [Node() for _ in range(3)]
    yield nodes
    for node in nodes:
        node.die()


@pytest.fixture
def balancer(nodes: list[Node]) -> Iterator[LoadBalancer]:
    with ExitStack() as stack:
        try:
            balancer = stack.enter_context(LoadBalancer([node.port for node in nodes]))
        except NotHere as reason:
            missing(reason)
        yield balancer


def answers(balancer: LoadBalancer, count: int, path: str = "/") -> Counter[str]:
    """What `count` requests of one connection were answered."""
    seen: Counter[str] = Counter()
    with closing(http.client.HTTPConnection("127.0.0.1", balancer.port, timeout=120)) as client:
        for _ in range(count):
            client.request("GET", path)
            answer = client.getresponse()
            seen[answer.read().decode()] += 1
            assert answer.status == 200
    return seen


def test_the_requests_of_one_connection_go_to_every_node_in_turn(balancer: LoadBalancer, nodes: list[Node]) -> None:
    assert answers(balancer, 9) == {f"{node.port} /": 3 for node in nodes}
    assert balancer.requests() == {node.port: 3 for node in nodes}


@pytest.mark.parametrize("path", ["/a//b/./c/../d", "/a%2Fb/%2e%2e/c?x=%20&y", "/" + "a" * 60_000])
def test_a_path_comes_through_as_it_was_sent(balancer: LoadBalancer, nodes: list[Node], path: str) -> None:
    assert {answer.split(" ", 1)[1] for answer in answers(balancer, 3, path)} == {path}


def test_the_loss_of_a_node_costs_no_request_that_begins_after_it(balancer: LoadBalancer, nodes: list[Node]) -> None:
    assert len(answers(balancer, 3)) == 3
    nodes[0].die()
    alive = {f"{node.port} /" for node in nodes[1:]}
    assert set(answers(balancer, 20)) == alive
    balancer.wait_until_ready(2)
    assert set(balancer.ready()) == {node.port for node in nodes[1:]}
    assert set(answers(balancer, 20)) == alive
    nodes[0].start()
    balancer.wait_until_ready(3)
    assert len(answers(balancer, 6)) == 3


def test_a_client_that_waits_to_be_told_to_continue_is_told_by_the_node(
    balancer: LoadBalancer, nodes: list[Node]
) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", balancer.port, timeout=120)) as client:
        client.putrequest("PUT", "/body")
        client.putheader("Expect", "100-continue")
        client.putheader("Content-Length", "5")
        client.endheaders()
        assert client.sock is not None
        assert client.sock.recv(12) == b"HTTP/1.1 100"
        client.send(b"hello")
    assert sum(node.continues for node in nodes) == 1
