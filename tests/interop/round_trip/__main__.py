"""Runs every check with the boto3 of the Python that runs this, and prints one line of JSON for each.

Needs AWS_ENDPOINT_URL and credentials in the environment, and HOLDFAST_MODELS: the folder that holds the service
models.
"""

import json
import sys
import time
import traceback

import boto3

from tests.interop.round_trip import CHECKS
from tests.interop.round_trip.job import Service


def main() -> int:
    service = Service()
    print(json.dumps({"boto3": boto3.__version__, "carries_the_service": service.carries_the_service}), flush=True)
    for check in CHECKS:
        began = time.monotonic()
        trouble = None
        try:
            check(service)
        except Exception:  # noqa: BLE001 - one check that fails must not hide the others
            trouble = traceback.format_exc()
        seconds = round(time.monotonic() - began, 2)
        print(json.dumps({"check": check.__name__, "trouble": trouble, "seconds": seconds}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
