"""The virtual lab, made as a user makes it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest
from plays import ROOT

sys.path.insert(0, str(ROOT / "tools"))

from bootyard_lab import Lab, Node, follow
from bootyard_lab.console import last_boot
from bootyard_lab.lab import BUILD, MASTER, ssh
from machines import PATIENCE


def pytest_addoption(parser):
    parser.addoption("--all-paths", action="store_true", help="boot machines by every path, not only by those of the lab")


def pytest_ignore_collect(collection_path, config):
    """What boots every machine anew is for who asks."""
    return True if collection_path.name == "test_restore.py" and not config.getoption("all_paths") else None


class Running:
    """A lab whose nodes run, and what tests ask of it."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.nodes = self.lab.nodes()
        self.boots = self.told(self.nodes, json.loads((BUILD / "lab.json").read_text()))

    def told(self, nodes: list[Node], boots: list[dict]) -> dict[str, dict]:
        """How each node came up, by its name, with all that its console said."""
        known = {boot["name"]: boot for boot in boots}
        return {node.name: known[node.name] | {"console": last_boot(node.console).text} for node in nodes}

    def rack(self, *inventories: str) -> tuple[Lab, list[Node]]:
        """Put more machines into the lab, off and unknown to its master: the lab with them, and they."""
        lab = Lab(ROOT / "inventory/lab", *(ROOT / "tests/boot" / inventory for inventory in inventories))
        lab.run(lab.playbook("playbooks/lab.yml"))
        return lab, [node for node in lab.nodes() if node not in self.nodes]

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
        for result in follow(nodes, timeout=PATIENCE):
            assert result.is_up, f"{result.node.name} is stuck at {result.next_goal}: {result.problem}\n{result.console}"


@pytest.fixture(scope="session")
def running():
    """Three machines that were switched on together and answer SSH."""
    was_there = subprocess.run(["docker", "container", "inspect", MASTER], capture_output=True, check=False).returncode == 0
    subprocess.run([sys.executable, str(ROOT / "tools/lab"), "up"], check=True)
    yield Running()
    if not was_there:
        subprocess.run([sys.executable, str(ROOT / "tools/lab"), "down"], check=True)


@dataclass(frozen=True)
class More:
    """The lab with machines beside its own, switched on together, and they by their names."""

    lab: Lab
    nodes: dict[str, Node]

    def site(self) -> None:
        self.lab.run(self.lab.playbook("site.yml"))

    def switch(self, state: str, *names: str) -> None:
        self.lab.run(self.lab.power(state, [self.nodes[name] for name in names]))


@pytest.fixture(scope="session")
def more(running):
    """A fourth node, and machines that live in their memory or on their disks; each of their tests has some of them."""
    lab, nodes = running.rack("node4.yml", "more.yml")
    more = More(lab, {node.name: node for node in nodes})
    publish_container(running)
    more.site()
    more.switch("on", *more.nodes)
    yield more
    more.switch("off", *more.nodes)
    gone = {"netboot_allow_removal": list(more.nodes)}
    running.lab.run(running.lab.playbook("site.yml", f"--extra-vars={json.dumps(gone)}"))
    assert running.on_master("ls /srv/installs") == "", "what is known of nodes that left goes with them"


def publish_container(running):
    """An image of one static program, where the master serves files: the machines have no way to a registry."""
    image = "localhost/hello:1"
    running.on_master("apt-get install --yes --quiet busybox-static && mkdir -p /srv/http/images")
    pack = f"docker exec {MASTER} tar --create --directory / bin/busybox"
    entry = '--change \'ENTRYPOINT ["/bin/busybox"]\' --change "WORKDIR /data"'
    save = f"docker save {image} | docker exec --interactive {MASTER} sh -c 'cat > /srv/http/images/hello.tar'"
    subprocess.run(f"set -e; {pack} | docker import {entry} - {image}; {save}; docker rmi {image}", shell=True, check=True)
