"""The agent: reads a directory tree into objects and writes objects back as a tree (docs/design/agent-format.md).

It knows the service only through `client.api.Api`, holds no catalog of its own, and keeps memory bounded whatever the
size of a tree: both sides of every comparison are streams in the same order.
"""
