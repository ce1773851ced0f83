"""Shipped for tests: contract suites that every implementation of a port must pass, and disks that fail on command."""
