"""Stands between a process and the kernel at every system call that changes a disk: sees it, refuses it, shortens it.

What strace's `-e inject` does, and more: one fault at one call of the whole process, counted over all its threads, and
short writes that are true (the kernel takes fewer bytes). The process filters its own calls (seccomp): only those
stop that the tracer wants to see. Linux on x86-64; no privileges.
"""

import ctypes
import errno
import os
import platform
import signal
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torture.system_calls import CALLS, MARKER, NUMBER_OF, Call, decode

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long

_CONT, _GETREGS, _SETREGS, _SEIZE, _LISTEN = 7, 12, 13, 0x4206, 0x4208
_OPTIONS = 0x1 | 0x8 | 0x80 | 0x100000  # sysgood, clone, seccomp, exitkill
_EVENT_STOP, _EVENT_SECCOMP = 128, 7
_STOPS = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_WALL = 0x40000000
_REGISTERS = 27
_R10, _RAX, _RDX, _RSI, _RDI, _ORIG_RAX = 7, 10, 12, 13, 14, 15
_U64 = (1 << 64) - 1

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_RET_TRACE, _RET_ALLOW = 0x7FF00000, 0x7FFF0000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06


def why_not() -> str | None:
    """Why nothing can be traced here, or None."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return f"tracing is written for Linux on x86-64, this is {platform.system()} on {platform.machine()}"
    return None


def filter_own_calls() -> None:
    """From now on each call of `CALLS` waits for the tracer, which must be there already. For the process itself."""
    jumps = b"".join(
        struct.pack("HBBI", _JUMP_IF_EQUAL, len(CALLS) - place, 0, number) for place, number in enumerate(CALLS)
    )
    program = struct.pack("HBBI", _LOAD, 0, 0, 0) + jumps
    program += struct.pack("HBBI", _RETURN, 0, 0, _RET_ALLOW) + struct.pack("HBBI", _RETURN, 0, 0, _RET_TRACE)
    buffer = ctypes.create_string_buffer(program)
    head = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or _libc.prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.create_string_buffer(head), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "this process may not filter its own system calls")


def mark(word: int) -> None:
    """Tell the tracer where the process is: it sees `MARKER + word`; otherwise nothing happens."""
    _libc.prctl(MARKER + word, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Refuse:
    """The call is not made; the process is told this error."""

    error: int


@dataclass(frozen=True, slots=True)
class Shorten:
    """The call writes about half, and says so."""


@dataclass(frozen=True, slots=True)
class Kill:
    """The call is not made, and the process is no more."""


Verdict = Refuse | Shorten | Kill | None


class Tracer:
    """Traces one child from its first instruction after `go` to its end. For a process without other children."""

    def __init__(self, pid: int) -> None:
        """Raises OSError where tracing is not allowed."""
        self._pid = pid
        if _libc.ptrace(_SEIZE, pid, None, _OPTIONS):
            raise OSError(ctypes.get_errno(), "children may not be traced here (ptrace)")

    def follow(self, decide: Callable[[Call], Verdict]) -> int:
        """Lets the process run to its end; its wait status. `decide` is asked about each call before it is made."""
        while True:
            tid, status = os.waitpid(-1, _WALL)
            if not os.WIFSTOPPED(status):
                if tid == self._pid:
                    return status
                continue
            event, stopped_by = status >> 16, os.WSTOPSIG(status)
            if event == _EVENT_SECCOMP:
                self._at_call(tid, decide)
                _libc.ptrace(_CONT, tid, None, None)
            elif event == _EVENT_STOP and stopped_by in _STOPS:
                _libc.ptrace(_LISTEN, tid, None, None)
            else:
                _libc.ptrace(_CONT, tid, None, None if event else stopped_by)

    def _at_call(self, tid: int, decide: Callable[[Call], Verdict]) -> None:
        registers = (ctypes.c_uint64 * _REGISTERS)()
        if _libc.ptrace(_GETREGS, tid, None, ctypes.addressof(registers)):
            return  # killed meanwhile
        arguments = (registers[_RDI], registers[_RSI], registers[_RDX], registers[_R10])
        call = decode(tid, int(registers[_ORIG_RAX]), arguments)
        match decide(call):
            case Refuse(error):
                registers[_ORIG_RAX] = _U64
                registers[_RAX] = -error & _U64
            case Shorten():
                self._shorten(tid, call, registers)
            case Kill():
                registers[_ORIG_RAX] = _U64
                os.kill(self._pid, signal.SIGKILL)
            case None:
                return
        _libc.ptrace(_SETREGS, tid, None, ctypes.addressof(registers))

    def _shorten(self, tid: int, call: Call, registers: "ctypes.Array[ctypes.c_uint64]") -> None:
        if call.name != "writev":
            registers[_RDX] = max(1, call.length // 2)
            return
        # A writev becomes a write of half of its first buffer.
        base, length = struct.unpack("QQ", read_memory(tid, int(registers[_RSI]), 16))
        registers[_ORIG_RAX] = NUMBER_OF["write"]
        registers[_RSI] = base
        registers[_RDX] = max(1, length // 2)


def read_memory(tid: int, address: int, length: int) -> bytes:
    """Bytes of a stopped process."""
    with Path(f"/proc/{tid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(length)


def is_refusal_of_space(error: int) -> bool:
    """Whether an error means that there is no room."""
    return error in (errno.ENOSPC, errno.EDQUOT)
