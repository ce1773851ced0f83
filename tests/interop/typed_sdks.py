"""Builds the programs that use the AWS SDKs of typed languages, once, from exactly what their locks name.

A language whose tools are not on this machine skips the test with a sentence. Locks hold names, versions and hashes: no
addresses. Cargo's own would name its index, so that line is left out and asked of Cargo.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interop.environments import HERE, install, made_once

_GO_SOURCES = Path("/usr/share/gocode")
_GO_SDK = "src/github.com/aws/aws-sdk-go-v2/service/backupstorage"
_MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"

Program = list[str | Path]


def go_program() -> Program:
    """With the SDK's sources as Debian packages them; there is no registry to ask."""
    _need("go")
    if not (_GO_SOURCES / _GO_SDK).is_dir():
        pytest.skip("the AWS SDK for Go v2 is not here: install golang-github-aws-aws-sdk-go-v2-dev, or another system")
    source = HERE / "go" / "main.go"
    with made_once("go", source.read_bytes()) as (folder, is_new):
        if is_new:
            folder.mkdir(parents=True)
            environment = {"GO111MODULE": "off", "GOPATH": str(_GO_SOURCES), "GOFLAGS": "", "GOTOOLCHAIN": "local"}
            cache = {"GOCACHE": str(folder / "cache")}
            command: list[object] = ["go", "build", "-o", folder / "round-trip", source]
            install(command, "Go's sources", env={**os.environ, **environment, **cache})
            shutil.rmtree(folder / "cache")
        return [folder / "round-trip"]


def rust_program() -> Program:
    """With the crates of crates.lock."""
    _need("cargo")
    project = HERE / "rust"
    files = [project / "Cargo.toml", project / "crates.lock", project / "src" / "main.rs"]
    with made_once("rust", b"".join(file.read_bytes() for file in files)) as (folder, is_new):
        if is_new:
            shutil.copytree(project, folder)
            install(["cargo", "generate-lockfile"], "the registry of crates", cwd=folder)
            lines = (folder / "Cargo.lock").read_text().splitlines()
            source = next(line for line in lines if line.startswith("source = "))
            (folder / "Cargo.lock").write_text(_with_source((project / "crates.lock").read_text(), source))
            install(["cargo", "build", "--locked", "--quiet"], "the registry of crates", cwd=folder)
        return [folder / "target" / "debug" / "round-trip"]


def _with_source(lock: str, source: str) -> str:
    """Cargo's lock again: every crate that has a checksum comes from the registry."""
    return (
        "\n".join(f"{source}\n{line}" if line.startswith("checksum = ") else line for line in lock.splitlines()) + "\n"
    )


def java_program() -> Program:
    """With the jars of jars.sha256, all of them and no other."""
    for tool in ("java", "javac", "mvn"):
        _need(tool)
    project = HERE / "java"
    files = [project / "pom.xml", project / "jars.sha256", project / "src" / "RoundTrip.java"]
    with made_once("java", b"".join(file.read_bytes() for file in files)) as (folder, is_new):
        if is_new:
            shutil.copytree(project, folder)
            command: list[object] = ["mvn", "--batch-mode", "--quiet", _MAVEN_COPY]
            install([*command, f"-DoutputDirectory={folder / 'jars'}"], "Maven's repository", cwd=folder)
            found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in (folder / "jars").iterdir()}
            wanted = dict(reversed(line.split()) for line in (project / "jars.sha256").read_text().splitlines())
            assert found == wanted
            compiler = [
                "javac",
                "-encoding",
                "UTF-8",
                "-cp",
                f"{folder / 'jars'}/*",
                "-d",
                folder / "classes",
                files[2],
            ]
            subprocess.run(compiler, check=True, capture_output=True, timeout=280)
        return ["java", "-cp", f"{folder / 'classes'}:{folder / 'jars'}/*", "RoundTrip"]


_VERSION = {"go": "version", "java": "-version", "javac": "-version"}
"""How a tool is asked for its version, where that is not by --version."""


def _need(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not on this machine, so the SDK that needs it is not tested")
    # A launcher may be there without what it launches (rustup's for a user who has no toolchain).
    asked = subprocess.run([tool, _VERSION.get(tool, "--version")], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        pytest.skip(f"{tool} does not run, so the SDK that needs it is not tested: {asked.stderr.strip()[:200]}")
