# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: root_nodes
author: Bootyard contributors (@bootyard)
short_description: The nodes as M(bootyard.netboot.node_roots) takes them
version_added: 1.0.0
description: Leaves out nodes that have no root here, absent ones and, with a selection, those that were not selected.
positional: selected
extends_documentation_fragment: bootyard.netboot.fleet
options:
  selected:
    description: Names of the nodes to return; all of them when it is empty.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Make the roots
  bootyard.netboot.node_roots:
    nodes: "{{ netboot_fleet | bootyard.netboot.root_nodes }}"
    generations: {debian-12: 0001-5e4f1c22}
"""

RETURN = r"""
_value:
  description: One entry a node.
  type: list
  elements: dict
"""

from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def root_nodes(fleet, selected=()):
    """Documented above."""
    fleet, chosen = Fleet.from_dict(fleet), set(selected)
    return [_entry(fleet, node) for node in fleet.rooted if not chosen or node.name in chosen]


def _entry(fleet, node):
    network = fleet.networks[node.network]
    return {
        "name": node.name,
        "ip": node.ip,
        "macs": list(node.macs),
        "image": fleet.image_of(node),
        "master": fleet.master,
        "server": network.address,
        "quota": node.quota,
        "domain": network.domain,
        "dns": list(network.dns),
        "ntp": list(network.ntp),
    }


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"root_nodes": root_nodes}
