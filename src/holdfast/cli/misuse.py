"""What is said of a command line that cannot be understood: what was typed, what is wrong with it, what to type.

The parser's own errors name its parts ("unused tokens", "parameter"); here they become sentences about what was typed.
"""

from cyclopts import CycloptsError, MissingArgumentError, UnknownCommandError, UnknownOptionError, UnusedCliTokensError

_OTHER_SPELLING = {"--store": "--data", "--data": "--store", "--port": "--listen", "--password": "--passphrase-file"}
"""Options that some commands have, and what others call the same. Only what a command has is offered."""


def told(error: CycloptsError) -> str:
    """`error` as people say it."""
    command = " ".join(("holdfast", *(error.command_chain or ())))
    match error:
        case MissingArgumentError() if error.keyword:
            return f"{error.keyword} needs a value behind it"
        case MissingArgumentError() if error.argument is not None:
            name = error.argument.name
            return f"'{command}' needs {name}" + (" and a value behind it" if name.startswith("-") else "")
        case UnusedCliTokensError():
            many = ", ".join(map(repr, error.unused_tokens or ()))
            return f"'{command}' has no use for {many}: quote a name that holds spaces, and give options their '--'"
        case UnknownOptionError():
            typed = error.token.keyword or error.token.value
            other = _OTHER_SPELLING.get(typed)
            if any(other in argument.names for argument in error.argument_collection):
                return f"'{command}' has no option {typed}: it is {other} here"
            said = str(error).removeprefix(f"Unknown option: {typed}.").strip()
            return f"'{command}' has no option {typed}" + (f": {said[0].lower()}{said[1:]}" if said else "")
        case UnknownCommandError() if (error.unused_tokens or [""])[0].startswith("-"):
            return f"{(error.unused_tokens or [''])[0]} stands before the command: options come behind it"
    return str(error)
