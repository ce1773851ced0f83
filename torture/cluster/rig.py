"""Puts up what is attacked: nodes behind a load balancer, on one database and one bucket.

Each node reaches these by links of its own, which can be troubled one by one. Or one node alone, over a directory. What
is always true: everything listens on the loopback alone, and ends with whoever put it up.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from holdfast.client.profile import resolve
from scripts.servers.load_balancer import LoadBalancer
from scripts.servers.postgres import Postgres
from scripts.servers.rgw import RadosGateway
from torture.cluster.clients import Door
from torture.cluster.links import Links
from torture.cluster.node import Node
from torture.cluster.troubles import BUCKET

SHARED_FILES = ("root.key", "credentials")
"""What a node's directory holds, and all nodes of a store have in common."""
PREFIX = "held"
SCHEMA = "holdfast"
SILENCE_SECONDS = 12
"""How long a node may be silent before the others take it for dead. They look ten times meanwhile, and begin anew where
they could not look in time: on a busy machine a shorter silence would never be noticed."""


@dataclass(frozen=True, slots=True)
class Backing:
    """Where the nodes keep everything."""

    postgres: Postgres
    database: str
    gateway: RadosGateway
    bucket: str


@dataclass(frozen=True, slots=True)
class Rig:
    """A service that runs, and the hands on its switches."""

    nodes: Sequence[Node]
    url: str
    backing: Backing | None = None
    links: Links | None = None

    def link(self, target: str, node: int) -> int:
        """The number of the link from a node to the database or the bucket."""
        return node + (len(self.nodes) if target == BUCKET else 0)

    def door(self) -> Door:
        """How its clients come in."""
        profile = resolve(self.settings())
        assert profile.endpoint is not None
        return Door(profile.endpoint, profile.required_credentials())

    def settings(self) -> dict[str, str]:
        """The variables by which the agent finds it."""
        credentials = self.nodes[0].directory / "credentials"
        return {"AWS_ENDPOINT_URL": self.url, "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}


@contextmanager
def embedded(folder: Path) -> Iterator[Rig]:
    """One node over its own directory, behind the balancer all the same."""
    with ExitStack() as closing:
        [node] = _nodes(folder, [["--reserve", "1MiB"]], {}, closing)
        yield _ready(Rig([node], _balanced([node], closing)))


@contextmanager
def cluster(folder: Path, count: int) -> Iterator[Rig]:
    """So many nodes on PostgreSQL and a Ceph gateway. Raises NotHere where these cannot be had."""
    with ExitStack() as closing:
        postgres = closing.enter_context(Postgres())
        gateway = closing.enter_context(RadosGateway())
        backing = Backing(postgres, postgres.new_database(), gateway, gateway.new_bucket())
        gateway_port = int(gateway.endpoint.rpartition(":")[2])
        links = closing.enter_context(Links([postgres.port] * count + [gateway_port] * count))
        options = [
            [
                *("--catalog", postgres.tcp_url(backing.database, links.ports[number])),
                *("--blobs", f"s3://{backing.bucket}/{PREFIX}"),
                *("--s3-endpoint", f"http://127.0.0.1:{links.ports[count + number]}"),
                *("--s3-region", gateway.region, "--node-silence", str(SILENCE_SECONDS)),
            ]
            for number in range(count)
        ]
        settings = {
            "HOLDFAST_S3_ACCESS_KEY_ID": gateway.access_key,
            "HOLDFAST_S3_SECRET_ACCESS_KEY": gateway.secret_key,
        }
        nodes = _nodes(folder, options, settings, closing)
        yield _ready(Rig(nodes, _balanced(nodes, closing), backing, links))


def _nodes(
    folder: Path, options: Sequence[Sequence[str]], settings: Mapping[str, str], closing: ExitStack
) -> list[Node]:
    """Nodes that run; the first made the keys, and the others have copies."""
    nodes = [Node(f"node-{number}", folder, each, settings) for number, each in enumerate(options)]
    for node in nodes:
        if node is not nodes[0]:
            node.directory.mkdir(mode=0o700)
            for name in SHARED_FILES:
                shutil.copy2(nodes[0].directory / name, node.directory / name)
        node.start()
        closing.callback(node.kill)
        if node is nodes[0]:
            node.wait_ready()
    return nodes


def _balanced(nodes: Sequence[Node], closing: ExitStack) -> str:
    return closing.enter_context(LoadBalancer([node.port for node in nodes])).url


def _ready(rig: Rig) -> Rig:
    for node in rig.nodes:
        node.wait_ready()
    return rig
