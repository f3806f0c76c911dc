# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_hosts
author: Bootyard contributors (@bootyard)
short_description: The names of the fleet as lines of a hosts file
version_added: 1.0.0
description: The master and every node, each with its domain where it has one.
extends_documentation_fragment: bootyard.netboot.fleet
"""

EXAMPLES = r"""
- name: Show the names
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.fleet_hosts }}"
"""

RETURN = r"""
_value:
  description: Lines as hosts(5) has them.
  type: str
"""

from ansible_collections.bootyard.netboot.plugins.module_utils import _names
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def fleet_hosts(fleet):
    """Documented above."""
    return _names.hosts(Fleet.from_dict(fleet))


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"fleet_hosts": fleet_hosts}
