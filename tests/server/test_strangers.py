"""What peers without a signature can take of us: bounded before they have proved anything."""

from tests.server.live import Start, closed, read_reply


def test_a_head_with_too_many_headers_is_refused_while_it_is_still_coming(start: Start):
    sock = start().connect()
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * 300)
    reply = read_reply(sock)
    assert reply.status == 400
    assert b"over 200 headers" in reply.body
    assert closed(sock)
