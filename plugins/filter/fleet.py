# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: fleet
author: Bootyard contributors (@bootyard)
short_description: Turn inventory variables into the validated fleet
version_added: 1.0.0
description:
  - Reads the C(netboot_*) variables of the master and of every node and returns them as plain data, with every default filled in.
  - All faults of the whole inventory are reported in one error, each with host, variable, value and what would be right.
positional: slaves, master
options:
  _input:
    description: The C(hostvars) of the play.
    type: dict
    required: true
  slaves:
    description: Names of the hosts that are nodes.
    type: list
    elements: str
    required: true
  master:
    description: Name of the host that serves them.
    type: str
    required: true
  interfaces:
    description:
      - The master's network facts, C(ansible_facts).
      - Without them no interface can be checked or found.
    type: dict
  interface:
    description: The interface of networks that name none.
    type: str
  release:
    description: The master's Debian, which decides which boot loaders it has.
    type: int
    default: 12
  absent:
    description: Nodes to treat as C(netboot_state=absent). One that is not among the nodes is a fault.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Read the fleet
  ansible.builtin.set_fact:
    netboot_fleet: "{{ hostvars | bootyard.netboot.fleet(groups['slaves'], inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description:
    - >-
      C(master), C(master_macs); C(networks), C(profiles), C(images) and C(binaries) by name;
      the names in C(images_in_use), C(present), C(rooted), C(configured) and C(absent).
    - C(nodes) is a JSON text, which Ansible passes on faster than data; use P(ansible.builtin.from_json#filter) to look into it.
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import FleetError, parse


def fleet(hostvars, slaves, master, interfaces=None, interface=None, absent=(), release=12):
    """Documented above."""
    addresses = None if interfaces is None else interface_addresses(interfaces)
    try:
        return parse(hostvars, slaves, master, addresses, interface or None, absent, int(release)).to_dict()
    except FleetError as error:
        raise AnsibleFilterError(str(error)) from error


def interface_addresses(facts):
    """Interface names and their IPv4 addresses in CIDR form, from Ansible's network facts."""
    found = {}
    for name in facts.get("interfaces", []):
        fact = facts.get(name.replace("-", "_"), {})
        if fact and "device" not in fact:
            continue  # a label such as eth0:1, whose addresses the device itself lists too
        entries = [fact.get("ipv4"), *fact.get("ipv4_secondaries", [])]
        found[name] = [f"{entry['address']}/{entry['prefix']}" for entry in entries if entry]
    return found


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"fleet": fleet}
