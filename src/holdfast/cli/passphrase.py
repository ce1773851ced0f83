"""The flag that opens a store whose root key is under a pass phrase, for every command that may open one."""

from typing import Annotated

from cyclopts import Parameter

PassphraseFile = Annotated[
    str | None,
    Parameter(
        name="--passphrase-file",
        metavar="FILE",
        help="File with the pass phrase of a store that is opened inside this process; else HOLDFAST_PASSPHRASE.",
    ),
]
