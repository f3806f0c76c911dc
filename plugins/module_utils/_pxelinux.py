# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""PXELINUX configurations (syslinux-common, pxelinux.txt and syslinux.cfg.txt). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._fleet import Fleet, Node
from ._payload import Payload, http, of_node


def files(fleet: Fleet, roots: Mapping[str, Mapping[str, Any]], directory: str) -> dict[str, str]:
    """The configurations by path, C(directory) being the TFTP server's root.

    There is one for each card of each node, or one for all nodes of a profile where that names it; none for a node whose
    root is not there yet.
    """
    texts = {}
    for node in fleet.present:
        profile = fleet.profiles[node.profile]
        payload = of_node(fleet, node, roots)
        if payload or profile.boot == "local":
            names = [profile.pxelinux_config] if profile.pxelinux_config else [f"pxelinux.cfg/{filename(mac)}" for mac in node.macs]
            texts |= {f"{directory}/{profile.pxelinux_prefix}{name}": config(fleet, node, payload) for name in names}
    return texts


def filename(mac: str) -> str:
    """The name under which PXELINUX asks for a card's configuration: ARP hardware type 1, then the MAC with dashes."""
    return "01-" + mac.replace(":", "-")


def config(fleet: Fleet, node: Node, payload: Payload | None) -> str:
    """What a node boots, or nodes like it: a payload, or with none its local disk.

    SYSAPPEND 2 tells the kernel which card booted (BOOTIF); the prompt and the editing of the line are off.
    """
    profile = fleet.profiles[node.profile]
    head = [
        f"# {profile.name if profile.pxelinux_config else node.name}: written by bootyard.netboot, changes are lost",
        f"DEFAULT {profile.name}",
        "PROMPT 0",
        "ALLOWOPTIONS 0",
        "NOESCAPE 1",
        f"LABEL {profile.name}",
    ]
    if not payload:
        return "\n".join([*head, "  LOCALBOOT 0", ""])
    payload = payload.below(http(fleet.networks[node.network]) if profile.boot == "http" else "/")
    body = [
        f"  KERNEL {payload.kernel}",
        *([f"  INITRD {','.join(payload.initrd)}"] if payload.initrd else []),
        "  SYSAPPEND 2",
        *([f"  APPEND {' '.join(payload.arguments)}"] if payload.arguments else []),
    ]
    return "\n".join([*head, *body, ""])
