"""The options of both ends of a move: each has a directory, whose holdfast.toml counts, and flags of its own.

Variables that say where a store is cannot say of which end they speak; they are refused and not guessed about. All
others (the bucket's credentials, a pass phrase) hold for both ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.app.config import StoreOptions, gather_from
from holdfast.app.option_levels import Flags
from holdfast.app.option_sources import Sources
from holdfast.model.errors import InvalidInput

_OF_ONE_END = ("CATALOG", "CATALOG_FILE", "CATALOG_SCHEMA", "BLOBS", "CONFIG", "ROOT_KEY_FILE", "CREDENTIALS_FILE")


@dataclass(frozen=True, slots=True)
class EndFlags:
    """What was typed for one end; None where nothing was."""

    side: str
    """'from' or 'to'."""
    directory: str
    catalog: str | None = None
    catalog_schema: str | None = None
    blobs: str | None = None
    s3_endpoint: str | None = None
    s3_region: str | None = None
    passphrase_file: str | None = None
    kms_endpoint: str | None = None


def gather_end(given: EndFlags, environ: Mapping[str, str]) -> StoreOptions:
    """The options of one end. Raises InvalidInput naming what cannot be used."""
    for word in _OF_ONE_END:
        if environ.get(f"HOLDFAST_{word}"):
            raise InvalidInput(
                f"HOLDFAST_{word} is set, and could be meant for either end: unset it, and say it with a flag"
                " (--from-catalog, --to-catalog, --from-blobs, ...) or in the holdfast.toml of that end's directory"
            )
    flags = Flags(
        data=given.directory,
        # Nobody is to be served here, whatever the file says of addresses.
        insecure_http=True,
        catalog=given.catalog,
        catalog_schema=given.catalog_schema,
        blobs=given.blobs,
        s3_endpoint=given.s3_endpoint,
        s3_region=given.s3_region,
        passphrase_file=given.passphrase_file,
        kms_endpoint=given.kms_endpoint,
    )
    try:
        return gather_from(Sources(flags, environ)).store
    except InvalidInput as misuse:
        raise InvalidInput(f"--{given.side} {given.directory}: {misuse.message}") from misuse
