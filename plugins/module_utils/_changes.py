# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What an inventory takes from nodes, compared with what is known of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from ._fleet import Fleet
from ._records import Record


def losses(records: Mapping[str, Record], fleet: Fleet) -> dict[str, str]:
    """Why nodes would lose the roots that they may be running on, by the name in the records."""
    present, rooted = {node.name: node for node in fleet.present}, {node.name for node in fleet.rooted}
    names = {old: new for new, old in fleet.renamed.items()}
    found = {}
    for name, record in records.items():
        node = present.get(name)
        if record.state != "ready":
            continue
        if name in names:
            found[name] = f"becomes {names[name]}"
        elif not node:
            found[name] = "left the inventory"
        elif name not in rooted:
            found[name] = f"has the profile {node.profile} now, which boots no root of its own"
        elif node.ip != record.ip:
            found[name] = f"changes its address to {node.ip}"
    return found


def renamed(known: Mapping[str, Collection[str]], fleet: Fleet, retired: Collection[str]) -> list[str]:
    """What to say of machines that come back under another name, without a word that this is meant.

    C(known) maps names to the MAC addresses of what is kept for them; what C(retired) names may really go.
    """
    names = {node.name for node in fleet.nodes} | set(fleet.renamed.values()) | set(retired)
    found = []
    for old, macs in known.items():
        for mac in sorted(macs) if old not in names else ():
            node = fleet.node_of(mac)
            if node:
                found.append(
                    f"{old} left the inventory, and its MAC address {mac} is {node.name}'s. If {node.name} is its new name, set "
                    f"netboot_renamed_from: {old} on {node.name}; what is kept for it moves along. If {old} is really gone, say so: "
                    f"-e '{json.dumps({'netboot_allow_removal': [old]})}'"
                )
                break
    return found
