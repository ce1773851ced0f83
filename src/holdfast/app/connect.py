"""A client of the service, wherever it is: at the configured endpoint, or in this process over a store directory."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from holdfast.app.config import gather_store
from holdfast.app.memory import use_one_heap
from holdfast.app.new_store import NewStore, described
from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.client.profile import resolve
from holdfast.model.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Connection:
    """A client, and the directory of the store where that is open in this process."""

    api: Api
    store: Path | None = None
    made: NewStore | None = None
    """That store, where it was made just now."""


@contextmanager
def connect(
    store: Path | None, environ: Mapping[str, str], passphrase_file: str | None = None, *, make: bool = False
) -> Iterator[Connection]:
    """The service that `environ` names; with `store`, or where no endpoint is named, one inside this process.

    `passphrase_file` opens the root key of a store inside this process. `make` allows a store to be made where there is
    none. Raises InvalidInput for what cannot be used, Unavailable where another process has the store.
    """
    use_one_heap()
    profile = resolve(environ)
    if store is None and profile.endpoint is not None:
        from holdfast.client.http import HttpTransport

        transport = HttpTransport(profile.endpoint, ca_bundle=profile.ca_bundle)
        api = Api(
            transport,
            profile.required_credentials(),
            region=profile.region,
            base_path=profile.endpoint.base_path,
        )
        try:
            yield Connection(api)
        finally:
            api.close()
    else:
        with _inside(store, environ, passphrase_file, make) as connection:
            yield connection


@contextmanager
def _inside(
    store: Path | None, environ: Mapping[str, str], passphrase_file: str | None, make: bool
) -> Iterator[Connection]:
    options = gather_store(None if store is None else str(store), environ, passphrase_file)
    directory = options.directory
    if not make and not directory.is_dir():
        raise InvalidInput(
            f"there is no store in {directory} and no endpoint is set: name the store with --store, or export"
            " AWS_ENDPOINT_URL to use a running service"
        )
    # Imported here: a client of a running service pays nothing for what the service needs.
    from holdfast.access.credentials_file import NAME as CREDENTIALS_NAME
    from holdfast.app.build import System
    from holdfast.app.in_process import InProcessTransport
    from holdfast.app.read_only import is_read_only, scratch
    from holdfast.observe.late_log import late_log
    from holdfast.observe.unmeasured import Unmeasured

    was_there = (directory / CREDENTIALS_NAME).exists()
    with ExitStack() as opened:
        read_only = is_read_only(options)
        if read_only:
            options = opened.enter_context(scratch(options))
        shown = directory if read_only else None
        system = System(options, Unmeasured(), late_log("warning"), reads_only=shown, brief=True)
        opened.callback(system.close)
        key = system.access_key
        api = Api(InProcessTransport(system.gateway), Credentials(key.access_key_id, key.secret))
        yield Connection(api, directory, described(directory) if make and not was_there else None)
