"""The words that choose how and how much is logged; apart from the log, so that reading options does not load it."""

from typing import Literal

LogFormat = Literal["auto", "json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]
