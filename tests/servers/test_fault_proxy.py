import socket
import threading
import time
from collections.abc import Iterator

import pytest

from scripts.servers.fault_proxy import FaultProxy


class Echo:
    """Sends back what it gets, and notes how many bytes that were."""

    def __init__(self) -> None:
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        self.got = 0
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def close(self) -> None:
        self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()
        for thread in self.threads:
            thread.join(120)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.door.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self._serve, args=(client,)))
            self.threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                while data := client.recv(1 << 16):
                    self.got += len(data)
                    client.sendall(data)
            except OSError:
                return


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[FaultProxy]:
    with FaultProxy(echo.port) as proxy:
        yield proxy


def connected(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=120)


def said(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    return received(client, len(data))


def received(client: socket.socket, count: int) -> bytes:
    parts = b""
    while len(parts) < count and (part := client.recv(count - len(parts))):
        parts += part
    return parts


def send_to_the_end(client: socket.socket, data: bytes) -> None:
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)


def test_bytes_pass_both_ways_and_are_counted(proxy: FaultProxy) -> None:
    with connected(proxy) as one, connected(proxy) as other:
        assert said(one, b"one") == b"one"
        assert said(other, b"other") == b"other"
        assert (proxy.connections, proxy.open_connections) == (2, 2)
    assert (proxy.bytes_up, proxy.bytes_down) == (8, 8)


def test_an_end_in_one_direction_leaves_the_other_open(proxy: FaultProxy) -> None:
    data = bytes(range(256)) * 4096
    with connected(proxy) as client:
        sender = threading.Thread(target=send_to_the_end, args=(client, data))
        sender.start()
        assert received(client, len(data)) == data
        assert client.recv(1) == b""
        sender.join()


def test_a_delay_is_one_of_each_direction(proxy: FaultProxy) -> None:
    with connected(proxy) as client:
        said(client, b"x")
        proxy.delay(0.1)
        began = time.monotonic()
        said(client, b"x")
        assert time.monotonic() - began >= 0.2
        proxy.pass_all()
        began = time.monotonic()
        said(client, b"x")
        assert time.monotonic() - began < 0.1


def test_a_slow_link_carries_so_much_a_second_of_all_connections_together(proxy: FaultProxy) -> None:
    proxy.slow(100_000)
    with connected(proxy) as one, connected(proxy) as other:
        began = time.monotonic()
        one.sendall(bytes(10_000))
        other.sendall(bytes(10_000))
        assert received(one, 10_000) + received(other, 10_000) == bytes(20_000)
        assert 0.35 <= time.monotonic() - began < 5  # 40,000 bytes went through


def test_a_cut_resets_every_connection_and_refuses_new_ones_until_it_is_over(proxy: FaultProxy) -> None:
    with connected(proxy) as client:
        said(client, b"x")
        proxy.cut()
        assert proxy.open_connections == 0
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
    proxy.pass_all()
    with connected(proxy) as client:
        assert said(client, b"again") == b"again"


def test_a_reset_ends_every_connection_and_serves_new_ones(proxy: FaultProxy) -> None:
    with connected(proxy) as client:
        said(client, b"x")
        proxy.reset()
        with connected(proxy) as other:
            assert said(other, b"again") == b"again"
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_half_open_network_swallows_everything_and_resets_what_lost_bytes_when_it_is_over(
    proxy: FaultProxy, echo: Echo
) -> None:
    with connected(proxy) as talker, connected(proxy) as listener:
        said(talker, b"x")
        said(listener, b"x")
        proxy.half_open()
        with connected(proxy) as latecomer:
            for client in (talker, latecomer):
                client.settimeout(0.2)
                client.sendall(b"is anybody there?")
                with pytest.raises(TimeoutError):
                    client.recv(1)
            assert echo.got == 2
            proxy.pass_all()
            for client in (talker, latecomer):
                with pytest.raises(ConnectionResetError):
                    client.recv(1)
        assert said(listener, b"lost nothing") == b"lost nothing"


@pytest.mark.parametrize("stays", [True, False])
def test_a_cut_comes_after_exactly_so_many_bytes(proxy: FaultProxy, echo: Echo, stays: bool) -> None:
    with connected(proxy) as client:
        said(client, bytes(100))  # 200 bytes in both directions
        proxy.cut_after(1000, stays=stays)
        client.sendall(bytes(5000))
        with pytest.raises(ConnectionResetError):
            received(client, 5000)
    assert proxy.bytes_up + proxy.bytes_down == 1200
    assert echo.got <= 1100
    if stays:
        with pytest.raises(ConnectionRefusedError):
            connected(proxy)
    else:
        with connected(proxy) as client:
            assert said(client, b"again") == b"again"


def test_a_target_that_is_not_there_is_a_reset(proxy: FaultProxy, echo: Echo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        proxy.target_port = gone.getsockname()[1]
    with pytest.raises(ConnectionResetError), connected(proxy) as client:
        client.recv(1)
    proxy.target_port = echo.port
    with connected(proxy) as client:
        assert said(client, b"x") == b"x"


def test_modes_may_be_changed_at_any_time_while_many_talk(proxy: FaultProxy) -> None:
    over = threading.Event()
    wrong: list[bytes] = []

    def talk() -> None:
        while not over.is_set():
            try:
                with connected(proxy) as client:
                    client.settimeout(0.5)
                    while not over.is_set():
                        if (answer := said(client, b"question" * 500)) != b"question" * 500 and answer:
                            wrong.append(answer)
            except OSError:
                time.sleep(0.001)

    talkers = [threading.Thread(target=talk) for _ in range(8)]
    for talker in talkers:
        talker.start()
    for _ in range(20):
        for change in (
            proxy.cut,
            proxy.pass_all,
            proxy.half_open,
            lambda: proxy.cut_after(10_000),
            lambda: proxy.delay(0.001),
            lambda: proxy.cut_after(10_000, stays=False),
            lambda: proxy.slow(1_000_000),
        ):
            change()
            time.sleep(0.005)
    proxy.pass_all()
    over.set()
    for talker in talkers:
        talker.join(120)
    assert [answer for answer in wrong if not (b"question" * 500).startswith(answer)] == []
    with connected(proxy) as client:
        assert said(client, b"x") == b"x"
