# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: known_hosts
author: Bootyard contributors (@bootyard)
short_description: The SSH host keys of the nodes
version_added: 1.0.0
description: Returns the text of an ssh_known_hosts file, so that the first login to a node asks nothing.
positional: roots
extends_documentation_fragment: [bootyard.netboot.fleet, bootyard.netboot.fleet.roots]
"""

EXAMPLES = r"""
- name: Show the host keys
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.known_hosts(made.roots) }}"
"""

RETURN = r"""
_value:
  description: One line a node, as sshd(8) has them.
  type: str
"""

from ansible_collections.bootyard.netboot.plugins.module_utils import _names
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def known_hosts(fleet, roots):
    """Documented above."""
    return _names.known_hosts(Fleet.from_dict(fleet), roots)


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"known_hosts": known_hosts}
