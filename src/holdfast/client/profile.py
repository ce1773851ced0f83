"""Endpoint, credentials and region, from AWS's own variables and files.

The variables come in as a mapping and nothing is imported from botocore: an agent that starts for one small file should
not pay for it. What is read, in this order (docs of the AWS CLI, "precedence"): the environment, the shared credentials
file, the config file. Our own endpoint serves both services, so the most specific variable that is set wins.
"""

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.client.call import Credentials
from holdfast.client.endpoint import Endpoint, parse_endpoint
from holdfast.model.errors import InvalidInput

ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_BACKUPSTORAGE", "AWS_ENDPOINT_URL_BACKUP", "AWS_ENDPOINT_URL")
REGION_DEFAULT = "us-east-1"


@dataclass(frozen=True, slots=True)
class Profile:
    """What a client needs to know before its first request."""

    endpoint: Endpoint | None
    """None where none is configured: the agent then runs the service in its own process."""
    credentials: Credentials | None
    region: str
    ca_bundle: str | None

    def required_credentials(self) -> Credentials:
        """The credentials. Raises InvalidInput, saying where they may be put, if there are none."""
        if self.credentials is None:
            raise InvalidInput(
                "no credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or point"
                " AWS_SHARED_CREDENTIALS_FILE at the 'credentials' file in the data directory of the service"
            )
        return self.credentials


def resolve(environ: Mapping[str, str]) -> Profile:
    """The profile that the variables in `environ` (and the files they name) describe.

    Raises InvalidInput, naming the variable or file and the remedy, for what is set but cannot be used.
    """
    name = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or "default"
    shared = _Ini(_path(environ, "AWS_SHARED_CREDENTIALS_FILE", "credentials"))
    config = _Ini(_path(environ, "AWS_CONFIG_FILE", "config"))
    section = "default" if name == "default" else f"profile {name}"
    credentials = _credentials(environ, name, shared, config, section)
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or config.get(section, "region")
    ca_bundle = environ.get("AWS_CA_BUNDLE") or config.get(section, "ca_bundle")
    return Profile(_endpoint(environ, config, section), credentials, region or REGION_DEFAULT, ca_bundle)


def _endpoint(environ: Mapping[str, str], config: "_Ini", section: str) -> Endpoint | None:
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    for variable in ENDPOINT_VARIABLES:
        url = environ.get(variable)
        if url:
            return parse_endpoint(url, variable)
    services = config.get(section, "services")
    for service in ("backupstorage", "backup"):
        url = config.nested(f"services {services}", service, "endpoint_url") if services else None
        if url:
            return parse_endpoint(url, f"endpoint_url of {service} in {config.path}")
    url = config.get(section, "endpoint_url")
    return parse_endpoint(url, f"endpoint_url in {config.path}") if url else None


def _credentials(
    environ: Mapping[str, str], name: str, shared: "_Ini", config: "_Ini", section: str
) -> Credentials | None:
    access_key_id = environ.get("AWS_ACCESS_KEY_ID")
    secret = environ.get("AWS_SECRET_ACCESS_KEY")
    if access_key_id and secret:
        return Credentials(access_key_id, secret, environ.get("AWS_SESSION_TOKEN") or None)
    if access_key_id or secret:
        missing = "AWS_SECRET_ACCESS_KEY" if access_key_id else "AWS_ACCESS_KEY_ID"
        raise InvalidInput(f"{missing} is not set although its other half is: set both, or neither")
    for source, part in ((shared, name), (config, section)):
        access_key_id = source.get(part, "aws_access_key_id")
        secret = source.get(part, "aws_secret_access_key")
        if access_key_id and secret:
            return Credentials(access_key_id, secret, source.get(part, "aws_session_token"))
        if access_key_id or secret:
            raise InvalidInput(f"profile {name!r} in {source.path} has only half of its credentials: give it both")
    if name != "default" and not shared.has(name) and not config.has(section):
        raise InvalidInput(f"AWS_PROFILE names {name!r}: neither {shared.path} nor {config.path} has such a profile")
    return None


def _path(environ: Mapping[str, str], variable: str, name: str) -> str:
    home = environ.get("HOME") or os.path.expanduser("~")
    given = environ.get(variable)
    if not given:
        return os.path.join(home, ".aws", name)
    return os.path.join(home, given[2:]) if given.startswith("~/") else given


class _Ini:
    """One of AWS's files, or an empty one where it does not exist."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._parser = configparser.RawConfigParser(default_section="")
        try:
            with open(path, encoding="utf-8") as lines:
                self._parser.read_file(lines, path)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, UnicodeDecodeError, configparser.Error) as unreadable:
            raise InvalidInput(f"{path} cannot be read: {unreadable}; mend it, or name another file") from unreadable

    def has(self, section: str) -> bool:
        return self._parser.has_section(section)

    def get(self, section: str, option: str) -> str | None:
        return self._parser.get(section, option, fallback=None) or None

    def nested(self, section: str, option: str, key: str) -> str | None:
        """The value of `key` in an option that is itself a block of indented `key = value` lines."""
        for line in (self.get(section, option) or "").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == key and value.strip():
                return value.strip()
        return None
