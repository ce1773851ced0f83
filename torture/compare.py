"""Compares a view of the store with the view of a ledger: the names, what is known of each, and the bytes of some."""

import itertools
import random
from dataclasses import dataclass, field

from holdfast.client.answers import ScannedObject
from holdfast.client.api import Api
from holdfast.model import checksum
from torture.beliefs import View
from torture.content import Content
from torture.read_back import read_back


@dataclass(slots=True)
class Comparison:
    """What a comparison found."""

    wrong: list[str] = field(default_factory=list)
    """What cannot be, whatever is in doubt: one line each."""
    decided: dict[str, Content | None] = field(default_factory=dict)
    """Names that were in doubt, and what they stand for."""
    objects: int = 0
    """Objects whose bytes were read and compared."""


def compare(api: Api, reader: str, view: View, dice: random.Random, objects_max: int) -> Comparison:
    """All names of the storage job `reader` against `view`, and the bytes of up to `objects_max` objects.

    Objects in doubt, and those that nobody has read since they were put, are read in any case. Raises HoldfastError
    where the service answers with one.
    """
    result = Comparison()
    names = _scan(api, reader, result.wrong)
    stands_for: dict[str, Content] = {}
    for name in sorted(set(names) | set(view.objects)):
        possible = view.possible(name)
        found = names.get(name)
        fits = [content for content in possible if _fits(found, content)]
        if not fits:
            result.wrong.append(_misfit(name, found))
            continue
        if len(possible) > 1:
            result.decided[name] = fits[0]
        if fits[0] is not None:
            stands_for[name] = fits[0]
    must = view.unread | result.decided.keys()
    certain = [name for name in stands_for if name not in must]
    chosen = [name for name in stands_for if name in must]
    chosen += dice.sample(certain, min(len(certain), objects_max))
    wanted = [(names[name], stands_for[name]) for name in sorted(chosen)]
    result.wrong += read_back(api, reader, wanted, dice)
    result.objects = len(wanted)
    return result


def _scan(api: Api, reader: str, wrong: list[str]) -> dict[str, ScannedObject]:
    listed: list[ScannedObject] = []
    token: str | None = None
    while True:
        page = api.scan_objects(reader, next_token=token)
        listed += page.object_list
        token = page.next_token
        if token is None:
            break
    for before, after in itertools.pairwise(listed):
        if before.name.encode() >= after.name.encode():
            wrong.append(f"{after.name!r} is listed after {before.name!r}, out of order or twice")
    return {found.name: found for found in listed}


def _fits(found: ScannedObject | None, content: Content | None) -> bool:
    if found is None or content is None:
        return found is None and content is None
    return (
        found.object_checksum == checksum.encode(content.summary())
        and found.metadata_string == content.note
        and found.chunks_count == len(content.chunks)
        and found.bytes == content.total_bytes()
        and found.metadata_blob_length == (content.blob.length if content.blob else None)
    )


def _misfit(name: str, found: ScannedObject | None) -> str:
    if found is None:
        return f"object {name!r} is missing"
    return f"object {name!r} is not what it was acknowledged to be: {found}"
