"""Wiring: the only place that knows every class, and with `cli` the only one that reads the environment."""
