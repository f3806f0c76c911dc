"""The lab as its inventory describes it: playbooks, nodes, their consoles, their shells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
STATE = BUILD / "lab"
MASTER = "bootyard-lab-head"
KNOWN_HOSTS = "/etc/ssh/bootyard_known_hosts"


@dataclass(frozen=True)
class Node:
    name: str
    mac: str
    ip: str

    @property
    def console(self) -> Path:
        return STATE / self.name / "console.log"


class Lab:
    """The lab of one inventory, or of several that add up."""

    def __init__(self, *inventories: str | Path) -> None:
        self._inventories = [f"--inventory={i}" for i in inventories or (ROOT / "inventory/lab",)]

    def playbook(self, name: str, *arguments: str) -> list[str]:
        """Return the command that runs a playbook of this collection."""
        return [_tool("ansible-playbook"), str(ROOT / name), *self._inventories, *arguments]

    def power(self, state: str, nodes: list[Node] | None = None, boot: str = "as-is") -> list[str]:
        """Return the command that switches nodes; the words are those of the role ``power``."""
        select = [f"--extra-vars=netboot_select={','.join(n.name for n in nodes)}"] if nodes else []
        words = [f"--extra-vars=power_state={state}", f"--extra-vars=power_boot={boot}"]
        return self.playbook("playbooks/power.yml", *words, *select)

    def run(self, command: list[str], **options) -> subprocess.CompletedProcess:
        """Run one of the commands above in the right place, and raise when it fails."""
        return subprocess.run(command, cwd=ROOT, env=environment(), check=True, text=True, **options)

    def nodes(self) -> list[Node]:
        """Return the nodes of the inventory, in its order."""
        listing = self.run([_tool("ansible-inventory"), *self._inventories, "--list"], stdout=subprocess.PIPE)
        inventory = json.loads(listing.stdout)
        hostvars = inventory["_meta"]["hostvars"]
        return [Node(name, hostvars[name]["netboot_mac"], hostvars[name]["netboot_ip"]) for name in inventory["slaves"]["hosts"]]


def environment() -> dict[str, str]:
    return {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}


def trust_published_keys() -> None:
    """Take over the host keys that the master publishes; no other key is accepted."""
    keys = subprocess.run(["docker", "exec", MASTER, "cat", KNOWN_HOSTS], check=True, capture_output=True)
    (STATE / "known_hosts").write_bytes(keys.stdout)


def ssh(node: Node, command: str, timeout: float = 60, user: str = "root", **differing: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command on a node; ``differing`` are options of ssh that are to be others than usual."""
    options = {
        "BatchMode": "yes",
        # A machine that is emulated and still booting is slow to greet.
        "ConnectTimeout": "30",
        "GlobalKnownHostsFile": "/dev/null",
        "IdentitiesOnly": "yes",
        "IdentityFile": STATE / "id_ed25519",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": STATE / "known_hosts",
        **differing,
    }
    flags = [f"-o{key}={value}" for key, value in options.items()]
    return subprocess.run(
        ["ssh", "-F", "none", *flags, f"{user}@{node.ip}", command], capture_output=True, text=True, timeout=timeout, check=False
    )


def cpu_seconds(node: Node) -> float:
    """Return the seconds of the host's processors that the node's machine has used since power-on."""
    command = ["docker", "exec", f"bootyard-lab-{node.name}", "sh", "-c", "cat /proc/$(cat /run/qemu.pid)/stat"]
    stat = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)
