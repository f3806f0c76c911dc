# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: interface_files
author: Bootyard contributors (@bootyard)
short_description: The master's addresses as files of its network manager
version_added: 1.0.0
description: Gives each dedicated interface the master's address on its network.
positional: manager
extends_documentation_fragment: bootyard.netboot.fleet
options:
  manager:
    description: Who reads the files.
    type: str
    choices: [ifupdown, networkd]
    required: true
"""

EXAMPLES = r"""
- name: Show the files
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.interface_files('networkd') }}"
"""

RETURN = r"""
_value:
  description: The text of each file by its path.
  type: dict
"""

from ansible_collections.bootyard.netboot.plugins.module_utils import _interfaces
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def interface_files(fleet, manager):
    """Documented above."""
    return _interfaces.MANAGERS[manager](Fleet.from_dict(fleet))


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"interface_files": interface_files}
