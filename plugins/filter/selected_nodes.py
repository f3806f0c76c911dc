# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: selected_nodes
author: Bootyard contributors (@bootyard)
short_description: The nodes that an operator means
version_added: 1.0.0
description:
  - Takes names, groups and host patterns, with commas between them or as a list.
  - Whatever of them matches no node is an error, which says what may be meant. So a typo never means no node, or all of them.
positional: said, slaves, usage
options:
  _input:
    description: The C(groups) of the inventory.
    type: dict
    required: true
  said:
    description: What the operator wrote.
    type: raw
    required: true
  slaves:
    description: Name of the group of nodes.
    type: str
    default: slaves
  usage:
    description: A command line that is shown as an example where nothing was written. Without it that is no error and means no node.
    type: str
"""

EXAMPLES = r"""
- name: See which nodes are meant
  ansible.builtin.debug:
    msg: "{{ groups | bootyard.netboot.selected_nodes('node1,rack2,!node7') }}"
"""

RETURN = r"""
_value:
  description: Names of nodes, in the order of the inventory.
  type: list
  elements: str
"""

from ansible.errors import AnsibleFilterError
from ansible.inventory.manager import InventoryManager, split_host_pattern
from ansible.parsing.dataloader import DataLoader
from ansible_collections.bootyard.netboot.plugins.module_utils._run import names_in, near


def selected_nodes(groups, said, slaves="slaves", usage=None):
    """Documented above."""
    terms = split_host_pattern(names_in(said))
    if not terms and usage:
        raise AnsibleFilterError(f"No node is named. Expected for example: {usage}")
    nodes = groups.get(slaves, [])
    if terms and not nodes:
        raise AnsibleFilterError(f"The inventory has no nodes: the group {slaves} is empty or missing")
    names = set(terms)
    if names <= set(nodes):
        return [name for name in nodes if name in names]
    inventory = InventoryManager(DataLoader(), parse=False)
    for group, hosts in groups.items():
        inventory.add_group(group)
        for host in hosts:
            inventory.add_host(host, group=group)
    unmatched = [term for term in terms if term not in nodes and not {*matches(inventory, term.lstrip("!&"))} & set(nodes)]
    if unmatched:
        known = {*nodes, *groups}
        raise AnsibleFilterError(f"{'; '.join(near(term, known) for term in unmatched)}. Expected nodes or groups with nodes of {slaves}")
    found = set(matches(inventory, terms))
    chosen = [name for name in nodes if name in found]
    if not chosen:
        raise AnsibleFilterError(f"{','.join(terms)} leaves no node of {slaves}")
    return chosen


def matches(inventory, pattern):
    """Names of the hosts that a pattern selects."""
    return [host.name for host in inventory.get_hosts(pattern)]


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"selected_nodes": selected_nodes}
