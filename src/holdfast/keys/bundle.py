"""The recovery bundle: everything that a store's packs need to be read, in one text file.

It holds the root key's file (as it lies in the store, or under a pass phrase of its own), every key record and the
names of the vaults. With it and the packs a store can be rebuilt. What is always true here: a bundle is taken whole or
not at all (it ends with the SHA-256 of everything before); importing never overwrites a file that is there.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.keys import record, root_file
from holdfast.keys.local import ROOT_KEY_NAME
from holdfast.keys.port import KeyRecords, RootKeyFile
from holdfast.model.errors import InvalidInput, NotFound, UnusableKey

_FIRST = "holdfast-recovery-bundle-1"
_WIDTH = 100
_END = re.compile(r"end ([0-9a-f]{64})")
_TEXT = """\
# Recovery bundle of a Holdfast store. Whoever has this file{secret} and the packs can read the store.
# Keep it away from the store: on paper, in a safe, in a password manager. Make a new one after every change of the keys
# (a new vault, 'holdfast key rotate', 'holdfast key rotate-root').
#
# To put missing key files back:        holdfast key import THIS-FILE --store DIR
# To make a new catalog from the packs: holdfast rebuild --store DIR --bundle THIS-FILE
#
# Lines that begin with '#' are for people, and part of the checksum like all others.
"""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a recovery bundle holds. `records` by blob name; `vaults` from uid in hex to name, as far as known."""

    root_key: bytes = field(repr=False)
    records: Mapping[str, bytes]
    vaults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, by name: put back, there already and equal, there already and other (left as it is)."""

    restored: tuple[str, ...]
    equal: tuple[str, ...]
    different: tuple[str, ...]


def gather(place: RootKeyFile, records: KeyRecords, vaults: Mapping[str, str]) -> Bundle:
    """The bundle of a store. Raises UnusableKey if its root key is missing or damaged, or changes meanwhile."""
    text = place.get(ROOT_KEY_NAME)
    root_file.decode(text)
    names = [name for name in records.list(record.PREFIX) if record.parse(name) is not None]
    found = {name: records.get(name) for name in names}
    if place.get(ROOT_KEY_NAME) != text:
        raise UnusableKey("the root key was changed while it was exported: export it again")
    return Bundle(text, found, vaults)


def write(bundle: Bundle) -> str:
    """The text of the bundle."""
    plain = isinstance(root_file.decode(bundle.root_key), root_file.Plain)
    lines = [_FIRST, *_TEXT.format(secret="" if plain else ", what opens its root key").splitlines()]
    lines += [f"vault {uid} {_quoted(name)}" for uid, name in sorted(bundle.vaults.items())]
    lines += [f"root {bundle.root_key.decode('ascii').strip()}"]
    for name in sorted(bundle.records):
        coded = base64.b64encode(bundle.records[name]).decode("ascii")
        lines += [f"record {name}", *(f"  {coded[at : at + _WIDTH]}" for at in range(0, len(coded), _WIDTH))]
    body = "".join(f"{line}\n" for line in lines)
    return f"{body}end {hashlib.sha256(body.encode('utf-8')).hexdigest()}\n"


def read(text: str) -> Bundle:
    """What `write` was given. Raises InvalidInput for a text that is no bundle, or not a whole one."""
    text = text.replace("\r\n", "\n").lstrip("\ufeff")
    body, _, last = text.rstrip("\n").rpartition("\n")
    body += "\n"
    end = _END.fullmatch(last)
    if not body.startswith(f"{_FIRST}\n"):
        raise InvalidInput(f"this is no recovery bundle: its first line must be '{_FIRST}'")
    if end is None or end[1] != hashlib.sha256(body.encode("utf-8")).hexdigest():
        raise InvalidInput("the recovery bundle is not whole, or was altered: its last line does not fit; use a copy")
    vaults: dict[str, str] = {}
    records: dict[str, str] = {}
    root = ""
    name = ""
    for line in body.splitlines()[1:]:
        word, _, rest = line.partition(" ")
        if word == "vault":
            uid, _, quoted = rest.partition(" ")
            vaults[uid] = quoted.encode("ascii").decode("unicode_escape")
        elif word == "root":
            root = rest
        elif word == "record":
            name = rest
            records[name] = ""
        elif word == "":
            records[name] += rest.strip()
    unknown = [name for name in records if record.parse(name) is None]
    if unknown:
        raise InvalidInput(f"the recovery bundle names {unknown[0]!r}, which is no key record of this version")
    return Bundle(f"{root}\n".encode("ascii"), {each: base64.b64decode(records[each]) for each in records}, vaults)


def put_back(bundle: Bundle, place: RootKeyFile, records: KeyRecords) -> Imported:
    """Write those of the bundle's files that are missing; durable on return. Nothing that is there is changed.

    May be done again after a crash. The root key comes last: with it there, no other is made.
    """
    restored: list[str] = []
    equal: list[str] = []
    different: list[str] = []
    targets: list[tuple[str, bytes, KeyRecords | RootKeyFile]] = [
        (name, data, records) for name, data in bundle.records.items()
    ]
    for name, data, target in [*targets, (ROOT_KEY_NAME, bundle.root_key, place)]:
        try:
            there = target.get(name)
        except NotFound:
            target.put(name, data)
            restored.append(name)
            continue
        target.settle(name)
        (equal if there == data else different).append(name)
    return Imported(tuple(restored), tuple(equal), tuple(different))


def _quoted(name: str) -> str:
    return name.encode("unicode_escape").decode("ascii")
