"""`holdfast key rotate-access`: what clients sign with is replaced while the store is served."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from holdfast.cli.output import print_facts, print_json, say


def rotate_access(
    *,
    store: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    finish: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON.")] = False,
) -> None:
    """Give the store a new access key. The one before is accepted as well, until --finish.

    The service may run. Each node accepts what the file 'credentials' named when it started: copy the file to all nodes
    and start them again, one after the other; then give clients the new key; then finish, and copy and start again.

    For example:

        holdfast key rotate-access --store /srv/backups

        holdfast key rotate-access --store /srv/backups --finish

    Parameters
    ----------
    store
        Directory of the store, or of a node of it; by default that of serve.
    finish
        Refuse the key before.
    """
    from holdfast.app import access_keys
    from holdfast.app.config import gather_store

    options = gather_store(None if store is None else str(store), os.environ)
    key = (access_keys.finish if finish else access_keys.rotate)(options)
    path = access_keys.path_of(options)
    if as_json:
        print_json({"AccessKeyId": key.access_key_id, "File": str(path)})
        return
    print_facts((("access key", key.access_key_id), ("file", path)))
    if finish:
        say("the key before is refused by every node that is started again with this file")
    else:
        say("both keys are accepted by every node that is started again with this file; then: --finish")
