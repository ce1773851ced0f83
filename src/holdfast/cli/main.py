"""The `holdfast` command: finds what was asked for, runs it, and turns what goes wrong into one line and an exit code.

    0  done
    1  failed
    2  usage: what was typed cannot be understood
    3  done, but some files could not be read or restored; each was named
    130, 141  interrupted; the reader of our output went away (128 and the number of the signal)

A command is imported when it is called, and the parser of command lines when there is one to parse: the version and
the list of commands are printed without it, for its import costs several times what they do.
"""

import gc
import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from holdfast import __version__
from holdfast.cli.output import DONE, FAILED, USAGE, UsageError, complain, say
from holdfast.model.errors import HoldfastError
from holdfast.observe import standard_streams
from holdfast.observe.standard_streams import OutputLost

if TYPE_CHECKING:
    from cyclopts import App

_ROOT: tuple[list[str], ...] = ([], ["--help"], ["-h"], ["--version"])
"""Command lines that name no command."""
_COLLECTED_EVERY = 20_000
"""New containers between two looks for cycles. Python's 700 make a start, which makes hundreds of thousands of values
that stay, spend a sixth of its time on looking at them again and again."""

HELP = """Deduplicating, encrypted, incremental-forever backups, spoken to as AWS Backup Storage.

Back up a directory and get it back, with no server to set up:

    holdfast backup ~/documents --source documents
    holdfast restore --source documents --to /tmp/restored

Or run the service, and use it from this program, boto3 and the AWS CLI:

    holdfast serve
    eval "$(holdfast env)"
    aws backup list-backup-vaults

Exit codes: 0 done, 1 failed, 2 usage, 3 done but some files could not be read.
"""

COMMANDS = (
    ("backup", "holdfast.cli.backup:backup", "Back up a directory tree; only what changed is sent."),
    ("restore", "holdfast.cli.restore:restore", "Write a recovery point, or parts of it, into a directory."),
    ("points", "holdfast.cli.points:points", "List recovery points."),
    ("delete", "holdfast.cli.delete:delete", "Delete recovery points."),
    ("ls", "holdfast.cli.ls:ls", "List the files in a recovery point."),
    ("verify", "holdfast.cli.verify:verify", "Check that everything stored can be read back."),
    ("serve", "holdfast.cli.serve:serve", "Run the service."),
    ("config", "holdfast.cli.config:app", "Show the options in force, and test what they name."),
    ("env", "holdfast.cli.env:env", "Print the exports that make boto3 and the AWS CLI use the service."),
    ("vault", "holdfast.cli.vault:app", "Create, list, show and delete vaults."),
    ("rebuild", "holdfast.cli.rebuild:rebuild", "Make a lost catalog anew from packs and keys."),
    ("migrate", "holdfast.cli.migrate:migrate", "Move a store to PostgreSQL and a bucket, to a directory, or back."),
    ("gc", "holdfast.cli.gc:gc", "Give back the space that nothing refers to any more."),
    ("key", "holdfast.cli.key:app", "Change, protect, export and destroy the keys of a store."),
    ("job", "holdfast.cli.job:app", "List, show and stop backup jobs."),
)


def build_app(chosen: str | None = None) -> "App":
    """The command tree. Of commands other than `chosen` nothing is loaded but their name and their one line."""
    from cyclopts import App

    from holdfast.cli.help import PlainHelp

    app = App(
        name="holdfast",
        version=__version__,
        help=HELP,
        help_format="plaintext",
        help_formatter=PlainHelp(),
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
    )
    for name, where, line in COMMANDS:
        if name == chosen:
            module, _, attribute = where.partition(":")
            app.command(getattr(importlib.import_module(module), attribute), name=name)
        else:
            app.command(where, name=name, help=line)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line (without the program's name); the exit code."""
    code = DONE
    try:
        code = _run(arguments)
        # Python would only complain of it at exit, with an exit code of its own.
        sys.stdout.flush()
    except OutputLost as lost:
        standard_streams.discard(sys.stdout)
        if lost.has_no_reader:
            return 128 + 13
        complain(f"the output cannot be written: {lost}; what was asked for may have been done all the same")
        return code or FAILED
    return code


def _run(arguments: Sequence[str]) -> int:
    try:
        result = _root(arguments) if list(arguments) in _ROOT else _command(arguments)
    except UsageError as misuse:
        complain(f"{misuse}\nTry '{' '.join(('holdfast', *_named(arguments)))} --help'.")
        return USAGE
    except HoldfastError as error:
        _show_where()
        complain(error.message)
        return FAILED
    except KeyboardInterrupt:
        complain("interrupted")
        return 128 + 2
    except OutputLost:
        raise
    except Exception as error:  # noqa: BLE001 - a defect; people get a line, those who look for it the traceback
        _show_where()
        complain(f"an unexpected error: {type(error).__name__}: {error} (HOLDFAST_DEBUG=1 shows where)")
        return FAILED
    return result if isinstance(result, int) else DONE


def main() -> NoReturn:
    """The console script."""
    from holdfast.app import core_dumps

    standard_streams.open_missing()
    standard_streams.guard_output()
    # Most commands come to hold a root key or an access key, and the first look at a secret would be too late.
    core_dumps.forbid()
    gc.set_threshold(_COLLECTED_EVERY, 20, 20)
    sys.exit(run(sys.argv[1:]))


def _root(arguments: Sequence[str]) -> int:
    """What is asked of the program itself and of none of its commands."""
    if list(arguments) == ["--version"]:
        say(__version__)
    else:
        from holdfast.cli.help import print_root_help

        print_root_help("holdfast", HELP, [(name, line) for name, _, line in COMMANDS])
    return DONE


def _command(arguments: Sequence[str]) -> object:
    from cyclopts import CycloptsError

    if arguments[0] == "help":
        arguments = [*arguments[1:], "--help"]
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    try:
        return build_app(chosen)(list(arguments))
    except CycloptsError as misuse:
        from holdfast.cli.misuse import told

        raise UsageError(told(misuse)) from misuse


def _named(arguments: Sequence[str]) -> list[str]:
    """The words that name a command: the first one, and the second where the first is a group of commands."""
    for name, where, _ in COMMANDS:
        if list(arguments[:1]) == [name]:
            words = arguments[1:2] if where.endswith(":app") else ()
            return [name, *(word for word in words if word.isalpha())]
    return []


def _show_where() -> None:
    if os.environ.get("HOLDFAST_DEBUG"):
        import traceback

        complain(traceback.format_exc())
