"""`holdfast vault`: the walls between what is backed up; each has its own keys, and nothing is shared across them."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from holdfast.app.connect import connect
from holdfast.cli.output import print_facts, print_json, print_table, say, warn, when
from holdfast.cli.passphrase import PassphraseFile
from holdfast.client.answers import Vault

app = App(
    name="vault",
    help="Create, list, show and delete vaults. A vault has its own keys; chunks are shared within it, never across.",
)

Store = Annotated[Path | None, Parameter(metavar="DIR", help="Open the store in this directory inside this process.")]
Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON with AWS's own names.")]


@app.command
def create(name: str, /, *, store: Store = None, passphrase_file: PassphraseFile = None, as_json: Json = False) -> None:
    """Create a vault.

    Example:

        holdfast vault create photos

    Parameters
    ----------
    name
        2 to 50 letters, digits, '-' and '_'.
    """
    with connect(store, os.environ, passphrase_file, make=True) as connection:
        made = connection.api.create_vault(name)
    for line in connection.made.advice if connection.made else ():
        warn(line)
    if as_json:
        print_json(made)
    else:
        say(f"created vault {made.backup_vault_name}")


@app.command(name="list")
def list_(*, store: Store = None, passphrase_file: PassphraseFile = None, as_json: Json = False) -> None:
    """List all vaults.

    Example:

        holdfast vault list --json
    """
    with connect(store, os.environ, passphrase_file) as connection:
        vaults = list(connection.api.list_vaults())
    if as_json:
        print_json(vaults)
    else:
        rows = [(each.backup_vault_name, each.number_of_recovery_points, when(each.creation_date)) for each in vaults]
        print_table(("VAULT", "RECOVERY POINTS", "CREATED"), rows)


@app.command
def show(name: str, /, *, store: Store = None, passphrase_file: PassphraseFile = None, as_json: Json = False) -> None:
    """Show one vault.

    Example:

        holdfast vault show default

    Parameters
    ----------
    name
        The vault.
    """
    with connect(store, os.environ, passphrase_file) as connection:
        vault = connection.api.describe_vault(name)
    if as_json:
        print_json(vault)
    else:
        print_facts(_facts(vault))


@app.command
def delete(name: str, /, *, store: Store = None, passphrase_file: PassphraseFile = None) -> None:
    """Delete a vault that holds no recovery points.

    Example:

        holdfast vault delete photos

    Parameters
    ----------
    name
        The vault.
    """
    with connect(store, os.environ, passphrase_file) as connection:
        connection.api.delete_vault(name)
    say(f"deleted vault {name}")


def _facts(vault: Vault) -> tuple[tuple[str, object], ...]:
    return (
        ("vault", vault.backup_vault_name),
        ("ARN", vault.backup_vault_arn),
        ("recovery points", vault.number_of_recovery_points),
        ("created", when(vault.creation_date)),
    )
