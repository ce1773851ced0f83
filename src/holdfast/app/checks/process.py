"""What the process of a service would need from its machine: a certificate that clients accept, enough descriptors."""

import resource
from collections.abc import Iterator

from holdfast.app.checks.finding import Finding, failed, ok, warning
from holdfast.model.clock import Clock
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import OPEN_FILES_WANTED
from holdfast.server import certificate
from holdfast.server.tls import Tls

_TLS, _FILES = "tls", "open files"


def tls(given: Tls | None, now: Clock) -> Iterator[Finding]:
    """The certificate and its key, as a start would load them."""
    if given is None:
        return
    try:
        pair = certificate.load(given)
    except InvalidInput as refused:
        yield failed(_TLS, refused.message)
        return
    doubts = pair.doubts(now.now_us())
    yield from (warning(_TLS, text, remedy) for text, remedy in doubts)
    if not doubts:
        yield ok(_TLS, f"{given.certificate} and its key belong together, valid until {pair.valid_until.isoformat()}")


def open_files(limits: tuple[int, int] | None = None) -> Iterator[Finding]:
    """Whether there may be as many descriptors as connections and packs want; a start raises the soft limit itself."""
    soft, hard = limits or resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES_WANTED if hard == resource.RLIM_INFINITY else hard
    if max(soft, most) < OPEN_FILES_WANTED:
        text = (
            f"a process may open {hard} files, {OPEN_FILES_WANTED} are wanted: with fewer there are fewer connections"
        )
        yield warning(_FILES, text, f"raise the hard limit (LimitNOFILE={OPEN_FILES_WANTED}, ulimit -Hn)")
    else:
        yield ok(_FILES, f"{max(soft, min(most, OPEN_FILES_WANTED))} may be open, {OPEN_FILES_WANTED} are wanted")
