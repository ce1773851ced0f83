"""What is in force, and what of it does not go together."""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from holdfast.app import option_words as words
from holdfast.app.checks.finding import Finding, ok, warning
from holdfast.app.config import ServeOptions
from holdfast.app.option_kinds import HIDDEN, Option
from holdfast.app.option_sources import Sources, unknown_variables

_PART = "options"
_OF_A_BUCKET = (words.S3_ENDPOINT, words.S3_REGION, words.S3_ACCESS_KEY_ID, words.READ_CACHE)
_OF_A_DATABASE = (words.CATALOG_SCHEMA, words.CATALOG_CONNECTIONS)


@dataclass(frozen=True, slots=True)
class Setting:
    """One option: its word, its value without secrets, and where that was said."""

    word: str
    value: str | None
    unset: str
    """What holds where there is no value."""
    origin: str


def in_force(sources: Sources) -> Iterator[Setting]:
    """Every option. Raises InvalidInput for one that cannot be used."""
    for option in words.OPTIONS:
        found = sources.find(option)
        origin = "default" if found is None else found.label
        if found is not None and found.secret_in is not None:
            origin = f"{found.label} ({found.secret_in})"
        yield Setting(option.word, _shown(option, sources), option.unset, origin)


def _shown(option: Option[object], sources: Sources) -> str | None:
    if option is words.DATA:
        return str(sources.directory())
    found = sources.find(option)
    if option is words.PASSPHRASE and found is not None:
        # Its file is read when the root key is opened, and the check of the keys tells what is wrong with it.
        return HIDDEN
    return option.show(sources.value(option))


def options(chosen: ServeOptions, sources: Sources, environ: Mapping[str, str]) -> Iterator[Finding]:
    """What was said in vain, and what goes together badly."""
    found = [*_unused(chosen, sources), *_alone(chosen), *_unknown(environ), *_open_to_others(sources)]
    where = "flags and environment" if sources.config_file is None else f"flags, environment and {sources.config_file}"
    yield from found or [ok(_PART, f"from {where}")]


def _unused(chosen: ServeOptions, sources: Sources) -> Iterator[Finding]:
    unused = (_OF_A_BUCKET if chosen.store.bucket is None else ()) + (
        _OF_A_DATABASE if chosen.store.catalog is None else ()
    )
    for option in unused:
        place = sources.find(option)
        if place is not None:
            what = "catalog" if option in _OF_A_DATABASE else "blobs"
            yield warning(
                _PART, f"{place.label} does nothing, since {what} is not given", f"give {what}, or leave it out"
            )


def _alone(chosen: ServeOptions) -> Iterator[Finding]:
    store = chosen.store
    if store.catalog is not None and store.bucket is None:
        yield warning(
            _PART,
            f"the catalog is in a database and the packs are in {store.directory}: no other node can serve this store",
            "name a bucket with blobs, if there is to be one",
        )
    if store.catalog is None and store.bucket is not None:
        yield warning(
            _PART,
            f"the packs are in a bucket and the catalog is in {store.directory}: no other node can serve this store",
            "name a database with catalog, if there is to be one",
        )


def _unknown(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name, near in unknown_variables(environ):
        yield warning(_PART, f"{name} is no option", f"did you mean {near}?" if near else "leave it out")


def _open_to_others(sources: Sources) -> Iterator[Finding]:
    """A file of options that holds secrets itself and may be read by everybody."""
    file = sources.config_file
    if file is None or not file.stat().st_mode & stat.S_IROTH:
        return
    for option in words.OPTIONS:
        found = sources.find(option) if option.secret else None
        if found is None or found.kind != "file" or found.secret_in is not None:
            continue
        if option is words.CATALOG and "***" not in str(option.show(found.given)):
            continue
        yield warning(
            _PART,
            f"{found.label}: everybody on this machine may read it",
            f"chmod 600 {file}, or use {option.word}_file",
        )
