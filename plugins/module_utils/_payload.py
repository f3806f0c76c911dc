# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What a machine is to start, whatever loader brings it there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._fleet import Fleet, Network, Node, Profile


@dataclass(frozen=True, slots=True)
class Payload:
    """A kernel with its initrds and arguments.

    C(kernel) and C(initrd) are URLs, or paths below the root of the master's HTTP server; an image's are the same below that
    of its TFTP server.
    """

    kernel: str
    initrd: tuple[str, ...]
    arguments: tuple[str, ...]

    def below(self, base: str) -> Payload:
        """The same with every path as a client writes it that finds the root at C(base), such as C(http://10.0.33.1/) or C(/)."""
        return Payload(_below(base, self.kernel), tuple(_below(base, path) for path in self.initrd), self.arguments)


def of_node(fleet: Fleet, node: Node, roots: Mapping[str, Mapping[str, Any]]) -> Payload | None:
    """What the node starts: nothing if it boots its disk, or as long as it has no root. Its kernel is always that of its root's image."""
    profile = fleet.profiles[node.profile]
    if profile.boot == "http":
        return Payload(profile.kernel, profile.initrd, fleet.kernel_args_of(node))
    if profile.boot != "nfs" or node.name not in roots:
        return None
    root = roots[node.name]
    home = f"images/{root['image']}/{root['generation']}"
    return Payload(
        f"{home}/vmlinuz", (f"{home}/initrd.img",), (*nfs_args(fleet.networks[node.network], root["path"]), *fleet.kernel_args_of(node))
    )


def of_anybody(profile: Profile) -> Payload | None:
    """What a profile of the kind C(http) starts on a machine that is no node: nothing if its arguments speak of one."""
    if profile.boot != "http" or any("{" in argument for argument in profile.kernel_args):
        return None
    return Payload(profile.kernel, profile.initrd, profile.kernel_args)


def nfs_args(network: Network, path: str) -> tuple[str, ...]:
    """Kernel arguments for a writable NFS root (initramfs-tools(7)); its klibc nfsmount speaks NFSv3 and no later one.

    Ganesha answers POSIX ACLs over NFSv3 with an input/output error, so the node does not ask for them.
    """
    return ("root=/dev/nfs", f"nfsroot={network.address}:{path},nfsvers=3,tcp,noacl", "ip=dhcp", "rw")


def http(network: Network) -> str:
    """The root of the HTTP server for machines on that network."""
    return f"http://{network.address}/"


def _below(base: str, path: str) -> str:
    return path if "://" in path else base + path
