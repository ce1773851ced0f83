"""What a check found: one line for people, and whether a service could run with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`text` says what is so; where that is not good, `remedy` says what to do."""

    part: str
    verdict: Verdict
    text: str
    remedy: str | None = None


def ok(part: str, text: str) -> Finding:
    """It is as it should be."""
    return Finding(part, "ok", text)


def warning(part: str, text: str, remedy: str) -> Finding:
    """A service runs with it, and somebody should look."""
    return Finding(part, "warning", text, remedy)


def failed(part: str, text: str, remedy: str | None = None) -> Finding:
    """A service does not start with it, or would fail. Without a remedy, the text says it."""
    return Finding(part, "failed", text, remedy)


def has_failed(findings: Iterable[Finding]) -> bool:
    """Whether one of them says so."""
    return any(finding.verdict == "failed" for finding in findings)
