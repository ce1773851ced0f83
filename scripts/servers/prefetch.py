"""Fetches the servers that are not installed, so that no test's time goes into it: CI runs it once.

Usage: python -m scripts.servers.prefetch
"""

import sys
import time
from functools import partial

from scripts.servers.load_balancer import haproxy
from scripts.servers.not_here import NotHere
from scripts.servers.postgres import postgresql
from scripts.servers.reverse_proxies import installed
from scripts.servers.rgw import ceph


def main() -> int:
    """Fetch each; the exit code is how many could not be had."""
    missing = 0
    wanted = {
        "PostgreSQL": postgresql,
        "Ceph": ceph,
        "HAProxy": haproxy,
        "nginx": partial(installed, "nginx"),
        "Caddy": partial(installed, "caddy"),
    }
    for name, fetch in wanted.items():
        began = time.monotonic()
        try:
            fetch()
        except NotHere as reason:
            print(f"prefetch: {reason}")
            missing += 1
        else:
            print(f"prefetch: {name} is here ({time.monotonic() - began:.1f} s)")
    return missing


if __name__ == "__main__":
    sys.exit(main())
