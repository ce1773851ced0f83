"""Says in one line why a real server cannot be had on this machine; tests skip with it, and in CI fail with it."""


class NotHere(Exception):
    """The server's programs are missing and cannot be fetched, or they do not run here."""
