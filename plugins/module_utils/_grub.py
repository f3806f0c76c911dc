# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Configurations for Debian's network GRUB (GRUB manual, "Network"), the one loader that Secure Boot lets start. Pure.

They are flat lists of commands, since there is nobody to choose from a menu. C(exit 1) makes firmware go on to its next
boot device where a plain exit would end in its setup.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ._fleet import Fleet, Node
from ._payload import Payload, of_node
from ._pxelinux import filename

#: Where GRUB looks: its prefix is built in. Each card's configuration is beside it, by the MAC as GRUB writes it.
_START = """\
# Written by bootyard.netboot, changes are lost
source (tftp)/grub/by-mac/$net_default_mac.cfg
exit 1
"""


def files(fleet: Fleet, roots: Mapping[str, Mapping[str, Any]], directory: str) -> dict[str, str]:
    """The configurations by path, C(directory) being the TFTP server's root: one for each card of a node that has a root."""
    payloads = [(node, of_node(fleet, node, roots)) for node in fleet.rooted]
    return {f"{directory}/grub/grub.cfg": _START} | {
        f"{directory}/grub/by-mac/{mac}.cfg": config(node, mac, payload.below("(tftp)/"))
        for node, payload in payloads
        if payload
        for mac in node.macs
    }


def config(node: Node, mac: str, payload: Payload) -> str:
    """What the node boots from that card. GRUB's shell quotes as the one of POSIX does."""
    arguments = [*payload.arguments, f"BOOTIF={filename(mac)}"]
    return "\n".join(
        [
            f"# {node.name}: written by bootyard.netboot, changes are lost",
            f"linux {payload.kernel} {shlex.join(arguments)}",
            f"initrd {' '.join(payload.initrd)}",
            "boot",
            "",
        ]
    )
