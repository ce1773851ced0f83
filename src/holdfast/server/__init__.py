"""Floor 4: HTTP in, HTTP out. The gateway decides without sockets; the protocol and the ASGI face carry the bytes."""
