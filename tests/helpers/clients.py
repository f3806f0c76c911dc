"""Machines on a network as a master sees them: real frames from a real interface with the node's own address."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator

from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp_wire


def boot(bridge: str, mac: str) -> _dhcp_wire.Answer | None:
    """What a PXE ROM is told: a whole DHCP exchange, sent into the master's network from outside of the master."""
    return _dhcp_wire.lease(bridge, mac, _dhcp_wire.pxe_options(), timeout=8)


class Machine:
    """A machine with an address of its own on a bridge; its commands run in a network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, *command: str, text: bool = True) -> subprocess.CompletedProcess:
        """Run a command on the machine."""
        return subprocess.run(["ip", "netns", "exec", self.name, *command], capture_output=True, text=text, timeout=60, check=False)

    def fetch(self, url: str) -> bytes | None:
        """Fetch a tftp:// or http:// URL; None when the server refuses."""
        options = ("--silent", "--show-error", "--fail", "--max-time", "60", "--noproxy", "*")
        done = self.run("curl", *options, url, text=False)
        return done.stdout if done.returncode == 0 else None

    def tftp(self, server: str, path: str) -> bytes | None:
        """Fetch a file; None when the server refuses."""
        return self.fetch(f"tftp://{server}/{path}")

    def mounts(self, server: str, path: str) -> bool:
        """Whether the server lets this machine mount an export, asked with a userspace NFSv3 client."""
        return self.run("nfs-ls", f"nfs://{server}{path}").returncode == 0


@contextlib.contextmanager
def machine(bridge: str, ip: str, prefix: int = 24, mac: str = "") -> Iterator[Machine]:
    """A machine plugged into a bridge of this host. Without a C(mac) its card is nobody's."""
    name = f"by{ip.replace('.', '')[-8:]}"
    commands = [
        f"ip netns add {name}",
        f"ip link add {name} type veth peer name eth0 {f'address {mac} ' if mac else ''}netns {name}",
        f"ip link set {name} master {bridge} up",
        f"ip -n {name} link set lo up",
        f"ip -n {name} link set eth0 up",
        f"ip -n {name} address add {ip}/{prefix} dev eth0",
    ]
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    try:
        for command in commands:
            subprocess.run(command.split(), check=True, capture_output=True)
        yield Machine(name)
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def is_served(bridge: str, server: str, mac: str, ip: str) -> bool:
    """Whether a node with a PXE ROM would boot now: its address, its loader, and the kernel that this comes to."""
    answer = boot(bridge, mac)
    if not answer or (answer.address, answer.next_server) != (ip, server):
        return False
    with machine(bridge, ip, mac=mac) as node:
        if not node.tftp(server, answer.file):
            return False
        if answer.file.endswith("pxelinux.0"):
            config = node.tftp(server, f"pxelinux.cfg/01-{mac.replace(':', '-')}") or b""
            kernel = re.search(r"^ *KERNEL (\S+)", config.decode(), re.MULTILINE)
            return bool(kernel and node.tftp(server, kernel[1]))
        again = _dhcp_wire.lease(bridge, mac, {**_dhcp_wire.pxe_options(), 77: b"iPXE"}, timeout=8)
        if not again or again.file != f"http://{server}/boot.ipxe" or not node.fetch(again.file):
            return False
        script = node.fetch(f"http://{server}/by-mac/{mac.replace(':', '-')}.ipxe") or b""
        kernel = re.search(r"^ *kernel (?:--\S+ )*(\S+)", script.decode(), re.MULTILINE)
        return bool(kernel and node.fetch(kernel[1]))
