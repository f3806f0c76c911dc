# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""PXELINUX configurations (syslinux-common, pxelinux.txt and syslinux.cfg.txt). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._fleet import Fleet, Network, Node


def files(fleet: Fleet, roots: Mapping[str, Mapping[str, Any]], directory: str) -> dict[str, str]:
    """One configuration for each card of each node, by path below C(directory); nothing for machines without a root."""
    return {
        f"{directory}/{filename(mac)}": config(fleet, node, roots[node.name])
        for node in fleet.present
        if node.name in roots
        for mac in node.macs
    }


def filename(mac: str) -> str:
    """The name under which PXELINUX asks for a card's configuration: ARP hardware type 1, then the MAC with dashes."""
    return "01-" + mac.replace(":", "-")


def config(fleet: Fleet, node: Node, root: Mapping[str, Any]) -> str:
    """What the node boots: the kernel of its root's image, mounting that root.

    SYSAPPEND 2 tells the kernel which card booted (BOOTIF); the prompt and the editing of the line are off.
    """
    network, profile = fleet.networks[node.network], fleet.profiles[node.profile]
    boot = f"/images/{root['image']}/{root['generation']}"
    args = " ".join([nfs_args(network, root["path"]), *profile.kernel_args, *node.kernel_args])
    return "\n".join(
        [
            f"# {node.name}: written by bootyard.netboot, changes are lost",
            f"DEFAULT {node.profile}",
            "PROMPT 0",
            "ALLOWOPTIONS 0",
            "NOESCAPE 1",
            f"LABEL {node.profile}",
            f"  KERNEL {boot}/vmlinuz",
            f"  INITRD {boot}/initrd.img",
            "  SYSAPPEND 2",
            f"  APPEND {args}",
            "",
        ]
    )


def nfs_args(network: Network, path: str) -> str:
    """Kernel arguments for a writable NFS root (initramfs-tools(7)); its klibc nfsmount speaks NFSv3 and no later one.

    Ganesha answers POSIX ACLs over NFSv3 with an input/output error, so the node does not ask for them.
    """
    return f"root=/dev/nfs nfsroot={network.address}:{path},nfsvers=3,tcp,noacl ip=dhcp rw"
