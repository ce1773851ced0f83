"""`holdfast env`."""

import os
import shlex
import urllib.parse
from typing import Annotated

from cyclopts import Parameter

from holdfast.cli.output import UsageError, warn

ENDPOINT_DEFAULT = "http://127.0.0.1:9220"


def env(
    *,
    data: Annotated[str | None, Parameter(metavar="DIR")] = None,
    endpoint: Annotated[str | None, Parameter(metavar="URL")] = None,
) -> None:
    """Print the exports that make boto3, the AWS CLI and this program use the service.

    Example:

        eval "$(holdfast env)"

    Parameters
    ----------
    data
        Directory of the store whose service is meant; by default ~/.local/share/holdfast.
    endpoint
        URL of the service; by default where the service of that store listens, else AWS_ENDPOINT_URL, else
        http://127.0.0.1:9220.
    """
    from holdfast.app.config import store_directory
    from holdfast.wire.specs import data_path

    directory = store_directory(data, os.environ)
    url = endpoint or _announced(str(directory)) or os.environ.get("AWS_ENDPOINT_URL") or ENDPOINT_DEFAULT
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"--endpoint is {url!r}: give a URL such as {ENDPOINT_DEFAULT}")
    for service in ("BACKUPSTORAGE", "BACKUP", "HOLDFAST"):
        _export(f"AWS_ENDPOINT_URL_{service}", url)
    credentials = directory / "credentials"
    if credentials.exists():
        # Keys in variables would go before the file.
        print("unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN")
        _export("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
        _export("AWS_PROFILE", "default")
    else:
        warn(f"there is no {credentials} yet: start 'holdfast serve' once, or name its directory with --data")
    others = [path for path in os.environ.get("AWS_DATA_PATH", "").split(os.pathsep) if path]
    ours = str(data_path())
    _export("AWS_DATA_PATH", os.pathsep.join([ours, *(path for path in others if path != ours)]))
    if not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
        _export("AWS_DEFAULT_REGION", "us-east-1")


def _export(name: str, value: str) -> None:
    print(f"export {name}={shlex.quote(value)}")


def _announced(directory: str) -> str | None:
    """Where the process that has the store open says that it listens."""
    try:
        with open(os.path.join(directory, "lock"), encoding="utf-8") as note:
            lines = note.read(4096).splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return lines[1] if len(lines) > 1 and lines[1] else None
