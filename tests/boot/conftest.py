"""The virtual lab, made as a user makes it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from plays import ROOT

sys.path.insert(0, str(ROOT / "tools"))

from bootyard_lab import Lab, Node, follow
from bootyard_lab.lab import MASTER, ssh


class Running:
    """A lab whose nodes run, and what tests ask of it."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.nodes = self.lab.nodes()

    def on(self, node: Node, command: str) -> str:
        """What a command prints on a node."""
        done = ssh(node, command)
        assert done.returncode == 0, f"{node.name}: {command}: {done.stderr}"
        return done.stdout.strip()

    def on_master(self, command: str) -> str:
        """What a command prints on the master."""
        done = subprocess.run(["docker", "exec", MASTER, "sh", "-c", command], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def comes_up(self, *nodes: Node) -> None:
        """Wait until the nodes answer SSH; the console of one that does not is the message."""
        for result in follow(nodes, timeout=900):
            assert result.is_up, f"{result.node.name} is stuck at {result.next_goal}: {result.problem}\n{result.console}"


@pytest.fixture(scope="session")
def running():
    """Three machines that were switched on together and answer SSH."""
    was_there = subprocess.run(["docker", "container", "inspect", MASTER], capture_output=True, check=False).returncode == 0
    subprocess.run([sys.executable, str(ROOT / "tools/lab"), "up"], check=True)
    yield Running()
    if not was_there:
        subprocess.run([sys.executable, str(ROOT / "tools/lab"), "down"], check=True)
