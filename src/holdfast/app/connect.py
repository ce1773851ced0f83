"""A client of the service, wherever it is: at the configured endpoint, or in this process over a store directory."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from holdfast.app.config import gather_store, store_directory
from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.client.profile import resolve
from holdfast.model.errors import InvalidInput


@contextmanager
def connect(environ: Mapping[str, str], store: str | None, *, make: bool = False) -> Iterator[Api]:
    """The service that `environ` names; with `store`, or where no endpoint is named, one inside this process.

    `make` allows a store to be made where there is none. Raises InvalidInput for what cannot be used, Unavailable
    where another process has the store.
    """
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
            yield api
        finally:
            api.close()
    else:
        with _inside(environ, store, make) as api:
            yield api


@contextmanager
def _inside(environ: Mapping[str, str], store: str | None, make: bool) -> Iterator[Api]:
    directory = store_directory(store, environ)
    if not make and not os.path.isdir(directory):
        raise InvalidInput(
            f"there is no store in {directory} and no endpoint is set: name the store with --store, or export"
            " AWS_ENDPOINT_URL to use a running service"
        )
    # Imported here: a client of a running service pays nothing for what the service needs.
    from holdfast.app.background import Background
    from holdfast.app.build import System
    from holdfast.app.in_process import InProcessTransport
    from holdfast.observe.logs import open_log
    from holdfast.observe.metrics import Metrics

    log = open_log("warning")
    with ExitStack() as closing:
        system = System(gather_store(store, environ), Metrics(), log)
        closing.callback(system.close)
        background = Background(system.workers, log)
        closing.callback(background.close)
        key = system.access_key
        yield Api(InProcessTransport(system.gateway), Credentials(key.access_key_id, key.secret))
