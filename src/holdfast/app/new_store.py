"""What somebody who has just made a store must hear once: where it is, and what its key needs."""

from pathlib import Path

import msgspec


class NewStore(msgspec.Struct, frozen=True):
    """A store that was made by this very command. `advice` holds the lines to show, the most important one last."""

    directory: str
    root_key_is_protected: bool
    advice: list[str]


def described(directory: Path) -> NewStore:
    """What there is to say of the store just made in `directory`."""
    import shlex

    from holdfast.keys import root_file
    from holdfast.keys.local import ROOT_KEY_NAME

    place, quoted = directory / ROOT_KEY_NAME, shlex.quote(str(directory))
    try:
        is_protected = not isinstance(root_file.decode(place.read_bytes()), root_file.Plain)
    except FileNotFoundError:
        is_protected = True  # it is mounted from elsewhere, by somebody who knows about it
    advice = [f"made a new store in {directory}"]
    if not is_protected:
        advice.append(
            f"its root key {place} is not protected, who reads it reads the backups: 'holdfast key protect --store"
            f" {quoted}' puts it under a pass phrase"
        )
    advice.append(
        "without its keys nothing can be restored: keep a recovery bundle away from this machine, 'holdfast key export"
        f" --store {quoted} --out FILE' makes one"
    )
    return NewStore(str(directory), is_protected, advice)
