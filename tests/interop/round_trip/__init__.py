"""A full round trip as a program that any boto3 can run: `python -m tests.interop.round_trip`."""

from tests.interop.round_trip import contents, faults, lists, skipping

CHECKS = [*contents.CHECKS, *lists.CHECKS, *faults.CHECKS, *skipping.CHECKS]
