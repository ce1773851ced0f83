"""What a running service takes over from its options when it is asked to reload: certificate, key and log level.

All else takes a restart, and is named. The options are read as they were at the start: flags and environment are those
of the process, a file of options is read again. Options that cannot be used change nothing.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from holdfast.app import option_words as words
from holdfast.app.config import ServeOptions, gather_from
from holdfast.app.option_kinds import Option
from holdfast.app.option_sources import Sources
from holdfast.model.clock import SystemClock
from holdfast.model.errors import HoldfastError, InvalidInput
from holdfast.observe.log_words import LogLevel
from holdfast.observe.logs import Logger, ServiceLog
from holdfast.server.certificate import Certificate, Pair
from holdfast.server.tls import Tls

_TAKEN_OVER = frozenset({words.TLS_CERT.word, words.TLS_KEY.word, words.LOG_LEVEL.word})


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What the options say now of that which may change."""

    log_level: LogLevel
    tls: Tls | None
    """None: what is shown stays, or the service speaks no TLS and goes on so."""


class Reloader:
    """`reread` reads the options of the service `options` again."""

    def __init__(self, options: ServeOptions, reread: Callable[[], Sources], log: Logger) -> None:
        self._options = options
        self._reread = reread
        self._log = log
        self._values = dict(_values(reread()))
        self._one_at_a_time = threading.Lock()

    def reload(self, take_over: Callable[[Reloaded], object]) -> None:
        """Reads the options again, says what has changed, and hands what may change to `take_over`. Raises nothing."""
        try:
            with self._one_at_a_time:
                self._reload(take_over)
        except HoldfastError as refused:
            self._log.error("nothing was reloaded", reason=refused.message)
        except Exception as defect:  # noqa: BLE001 - a defect must not end a service that runs
            self._log.error("nothing was reloaded", exc_info=defect)

    def _reload(self, take_over: Callable[[Reloaded], object]) -> None:
        sources = self._reread()
        options, values = gather_from(sources), _values(sources)
        changed = {word for word, value in values.items() if self._values.get(word) != value}
        taken_over = changed & _TAKEN_OVER
        if (options.tls is None) != (self._options.tls is None):
            taken_over -= {words.TLS_CERT.word, words.TLS_KEY.word}
        # What takes a restart is named again at the next reload, as long as there was none.
        self._values |= {word: values[word] for word in taken_over}
        self._log.info("reloading", changed=sorted(taken_over), takes_a_restart=sorted(changed - taken_over))
        take_over(Reloaded(options.log_level, options.tls if self._options.tls is not None else None))


def take_over(reloaded: Reloaded, service_log: ServiceLog, certificate: Certificate | None) -> bool:
    """Puts into force what was reloaded; whether it was all of it.

    A certificate that cannot be used leaves the one before in its place.
    """
    service_log.set_level(reloaded.log_level)
    if certificate is None or reloaded.tls is None:
        return True
    log = service_log.logger
    try:
        is_other = certificate.renew(reloaded.tls)
    except InvalidInput as refused:
        log.error(
            "the new certificate cannot be used, the one before stays",
            reason=refused.message,
            valid_until=certificate.pair.valid_until.isoformat(),
        )
        return False
    if is_other:
        log.info("the certificate is renewed", valid_until=certificate.pair.valid_until.isoformat())
    say_doubts(certificate.pair, log)
    return True


def say_doubts(pair: Pair, log: Logger) -> None:
    """What speaks against a certificate, as warnings."""
    for text, remedy in pair.doubts(SystemClock().now_us()):
        log.warning("the certificate", part="tls", reason=f"{text}: {remedy}")


def _values(sources: Sources) -> Mapping[str, object]:
    return {option.word: _value(option, sources) for option in words.OPTIONS}


def _value(option: Option[object], sources: Sources) -> object:
    found = sources.find(option)
    if option is words.PASSPHRASE and found is not None and found.secret_in is not None:
        # Its file may be there only while the root key is opened.
        return found.secret_in
    return sources.value(option)
