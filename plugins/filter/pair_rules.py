# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: pair_rules
author: Bootyard contributors (@bootyard)
short_description: Rules of nftables that bind each node's address to its cards
version_added: 1.0.0
description:
  - Returns a file for C(nft) that drops packets and ARP with the address of a node which do not come from one of its cards, on its network's interface.
  - The rules are tables of their own, which are replaced as one. No other table is touched.
positional: networks
extends_documentation_fragment: bootyard.netboot.fleet
options:
  networks:
    description: Names of the networks whose nodes are bound.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show the rules
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.pair_rules(['cluster']) }}"
"""

RETURN = r"""
_value:
  description: C(text), the text of the file, and C(probe), the question that only a kernel with these rules answers rightly.
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.bootyard.netboot.plugins.module_utils import _pairs
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def pair_rules(fleet, networks):
    """Documented above."""
    fleet = Fleet.from_dict(fleet)
    try:
        return {"text": _pairs.rules(fleet, networks), "probe": _pairs.probe(fleet, networks)}
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"pair_rules": pair_rules}
