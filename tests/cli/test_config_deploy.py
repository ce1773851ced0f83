"""The files in deploy/ and the page about them: every word in them exists, and what can be tried is tried."""

import http.client
import re
import shutil
import socket
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from holdfast.app.config import Flags, gather
from holdfast.app.option_levels import CredentialLevel
from holdfast.app.option_words import WORDS
from holdfast.cli.main import run
from scripts.servers.load_balancer import haproxy
from scripts.servers.not_here import NotHere
from scripts.servers.ports import free_port
from tests.cli.serving import wait_for
from tests.real_servers import missing
from tests.servers.test_load_balancer import Node

TOP = Path(__file__).resolve().parent.parent.parent
DEPLOY = TOP / "deploy"
CHART = DEPLOY / "helm" / "holdfast"
PAGE = TOP / "docs" / "deploy.md"
IMAGE_LOCK = TOP / "requirements" / "image.txt"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
VARIABLES = {f"HOLDFAST_{word.upper()}" for word in WORDS} | {"HOLDFAST_CONFIG", "HOLDFAST_DEBUG"}


@pytest.mark.parametrize("path", [*FILES, PAGE], ids=lambda path: path.name)
def test_every_variable_and_credential_that_is_named_exists(path: Path, tmp_path: Path):
    text = path.read_text()
    assert set(re.findall(r"\bHOLDFAST_[A-Z0-9_]*[A-Z0-9]\b", text)) <= VARIABLES
    level = CredentialLevel(str(tmp_path))
    for name in set(re.findall(r"(?:LoadCredential=|`)holdfast\.([a-z0-9_]+)", text)) - {"toml", "pem"}:
        (tmp_path / f"holdfast.{name}").touch()
        assert any(level.look(word) for word in (name, f"{name}_file")), name


def test_every_option_that_a_file_sets_exists(tmp_path: Path):
    samples = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert samples
    assert {word for sample in samples for word in tomllib.loads(sample)} <= WORDS
    assert set(values()["config"]) <= WORDS
    options = gather(Flags(config=str(DEPLOY / "systemd" / "holdfast.toml"), data=str(tmp_path)), {})
    assert not options.beyond_loopback


def test_the_unit_is_one_that_systemd_understands(tmp_path: Path):
    text = (DEPLOY / "systemd" / "holdfast.service").read_text()
    for line in ("Type=exec", "KillSignal=SIGTERM", "DynamicUser=yes", "StateDirectory=holdfast", "UMask=0077"):
        assert f"\n{line}\n" in text
    if shutil.which("systemd-analyze"):
        unit = tmp_path / "holdfast.service"
        uncommented = text.replace("#LoadCredential=", "LoadCredential=")
        unit.write_text(uncommented.replace("/opt/holdfast/bin/holdfast", "/bin/true"))
        verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
        assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_unit_exposes_little_by_systemds_own_measure():
    command = ["systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=20"]
    measured = subprocess.run([*command, str(DEPLOY / "systemd" / "holdfast.service")], capture_output=True, text=True)
    assert measured.returncode == 0, measured.stdout[-300:] + measured.stderr


def test_no_secret_is_written_to_disk_by_a_crash_or_a_full_memory():
    unit = (DEPLOY / "systemd" / "holdfast.service").read_text()
    for line in ("LimitCORE=0", "MemorySwapMax=0"):
        assert f"\n{line}\n" in unit
    assert re.search(r"^MemoryMax=\d", unit, re.MULTILINE)
    assert re.search(r"^  ulimits:\n    core: 0$", compose(), re.MULTILINE)
    [memory], [with_swap] = (re.findall(rf"^  {word}: (.+)$", compose(), re.MULTILINE) for word in LIMITS)
    assert memory == with_swap


LIMITS = ("mem_limit", "memswap_limit")


def test_what_is_installed_is_named_by_version_and_hash():
    image = (DEPLOY / "Dockerfile").read_text()
    assert image.count("pip install") == image.count("--require-hashes") + image.count("--no-deps --no-build-isolation")
    assert "!requirements/image.txt" in (DEPLOY / "Dockerfile.dockerignore").read_text()
    names = re.findall(r"^ARG PYTHON=(\S+)$", image, re.MULTILINE) + re.findall(
        r"^    image: (\S+)$", compose(), re.MULTILINE
    )
    assert len(names) == 5
    for name in names:
        assert re.search(r":(RELEASE\.)?\d[^:]*[.-]\d", name), f"{name} has no full version"


@pytest.fixture
def balanced(tmp_path: Path) -> Iterator[tuple[Node, int]]:
    """One node behind the load balancer's file as it is, but for the addresses; the balancer's port."""
    try:
        program, environment = haproxy()
    except NotHere as reason:
        missing(reason)
    node, port = Node(), free_port()
    text = (DEPLOY / "haproxy.cfg").read_text().replace("bind :9220\n", f"bind 127.0.0.1:{port}\n")
    text = re.sub(r"(server \w+) \w+:9220", rf"\1 127.0.0.1:{node.port}", text)
    file = tmp_path / "haproxy.cfg"
    file.write_text(text.replace(" resolvers names init-addr last,libc,none", ""))
    running = subprocess.Popen([program, "-db", "-q", "-f", str(file)], env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: answered(port, b"GET /up") == 200, 30)
        yield node, port
    finally:
        running.kill()
        running.wait()
        node.die()


def answered(port: int, line: bytes) -> int | None:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=120) as sock:
        sock.sendall(line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with closing(http.client.HTTPResponse(sock)) as answer:
            answer.begin()
            answer.read()
            return answer.status
    return None


def test_the_load_balancer_passes_signed_paths_on_and_keeps_from_the_nodes_what_is_not_for_clients(
    balanced: tuple[Node, int],
):
    _, port = balanced
    for path in (b"/a%2Fb//c", b"/a/..b/c../%2e%2e?x=/../y", b"/metrics-of-mine", b"/restore-jobs/a/metrics"):
        assert answered(port, b"GET " + path) == 200, path
    for refused in (b"/metrics", b"/metrics?x=1", b"http://x/metrics"):
        assert answered(port, b"GET " + refused) == 404, refused
    for refused in (b"/a/../b", b"/./a", b"/a/..", b"/a\x01b", b"/a\xffb"):
        assert answered(port, b"GET " + refused) == 400, refused


def test_the_load_balancers_file_is_one_that_haproxy_understands_and_names_the_nodes():
    try:
        program, environment = haproxy()
    except NotHere as reason:
        missing(reason)
    file = DEPLOY / "haproxy.cfg"
    checked = subprocess.run([program, "-c", "-f", str(file)], env=environment, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    nodes = re.findall(r"^    server (\w+) (\w+):9220$", file.read_text(), re.MULTILINE)
    services = set(re.findall(r"^  (node\w+):\n    <<:", compose(), re.MULTILINE))
    assert {name for name, _ in nodes} == {host for _, host in nodes} == services != set()


def compose() -> str:
    return (DEPLOY / "compose.yaml").read_text()


def test_what_the_compose_file_mounts_is_declared_and_made_by_the_page():
    text = compose()
    used = set(re.findall(r"/run/secrets/(\w+)", text))
    declared = dict(re.findall(r"^  (\w+):\n    file: \./secrets/(\w+)$", text, re.MULTILINE))
    assert used == set(declared) == set(declared.values())
    assert all(name in PAGE.read_text() for name in used)
    lists = re.findall(r"^    secrets: \[(.*)\]$|^  secrets: \[(.*)\]$", text, re.MULTILINE)
    assert {name for pair in lists for each in pair if each for name in each.split(", ")} == used
    volumes = set(re.findall(r'"(\w+):/', text))
    assert volumes == set(re.findall(r"^  (\w+):$", text.rpartition("\nvolumes:\n")[2], re.MULTILINE))
    below = text.partition("\nservices:\n")[2].partition("\nsecrets:\n")[0]
    services = set(re.findall(r"^  (\w+):$", below, re.MULTILINE))
    waited_for = set(re.findall(r"^      (\w+):\n        condition:", text, re.MULTILINE))
    assert waited_for <= services
    assert {"database", "s3", "bucket", "begin", "balancer"} <= services


def test_the_image_has_the_extras_and_the_user_that_the_others_count_on():
    image = (DEPLOY / "Dockerfile").read_text()
    extras = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    locked = set(re.findall(r"^([a-z0-9-]+)==", IMAGE_LOCK.read_text(), re.MULTILINE))
    for extra in ("postgres", "s3"):
        assert {re.split(r"[^a-z0-9-]", wanted)[0] for wanted in extras[extra]} <= locked
    users = set(re.findall(r"(?:uid|gid|USER|runAsUser:|runAsGroup:|fsGroup:) (\d+)", image + chart()))
    assert users == {"10001"}


def chart() -> str:
    return "\n".join(path.read_text() for path in sorted((CHART / "templates").iterdir()))


def values() -> dict:
    """The values of the chart: maps by their indentation, which is all that they are made of."""
    top: dict = {}
    stack = [(-1, top)]
    for line in (CHART / "values.yaml").read_text().splitlines():
        found = re.fullmatch(r"( *)(\w+):(?: (.*))?", re.sub(r"  #.*$", "", line))
        if found is None:
            assert not line.strip() or line.lstrip().startswith("#"), line
            continue
        depth, word, value = len(found[1]), found[2], found[3]
        while stack[-1][0] >= depth:
            stack.pop()
        inner: dict = {}
        stack[-1][1][word] = value if value is not None else inner
        stack.append((depth, inner))
    return top


def test_every_value_that_the_chart_uses_is_there_and_every_block_is_closed():
    text = chart()
    paths = set(re.findall(r"\.Values\.([\w.]+)", text))
    assert paths
    for path in paths:
        place = values()
        for word in path.split("."):
            assert word in place, path
            place = place[word]
    opened = re.findall(r"\{\{-? (?:if|with|range|define)\b", text)
    assert len(opened) == len(re.findall(r"\{\{-? end\b", text))
    assert text.count("{{") == text.count("}}")
    defined = set(re.findall(r'define "([\w.]+)"', text))
    assert set(re.findall(r'include "([\w.]+)"', text)) == defined
    for kind in ("ConfigMap", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"):
        assert f"\nkind: {kind}\n" in text
    for probe in ("/health/live", "/health/ready"):
        assert f"path: {probe}" in text


def test_the_keys_of_a_store_are_made_as_the_page_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    keys = tmp_path / "keys"
    keys.mkdir(0o700)
    assert "mkdir -m 700 keys && holdfast vault list --store keys" in PAGE.read_text()
    assert run(["vault", "list", "--store", str(keys)]) == 0
    assert (keys / "root.key").stat().st_size
    assert (keys / "credentials").stat().st_size
