# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: grub_files
author: Bootyard contributors (@bootyard)
short_description: The GRUB configuration of every node that has a root
version_added: 1.0.0
description: Returns the configuration that GRUB begins with, and one for each network card of each node that has a root.
positional: roots, directory
extends_documentation_fragment: [bootyard.netboot.fleet, bootyard.netboot.fleet.roots]
options:
  directory:
    description: The TFTP server's root.
    type: str
    default: /srv/tftp
"""

EXAMPLES = r"""
- name: Show what the nodes are told to boot
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.grub_files(made.roots) }}"
"""

RETURN = r"""
_value:
  description: The text of each file by its path.
  type: dict
"""

from ansible_collections.bootyard.netboot.plugins.module_utils import _grub
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def grub_files(fleet, roots, directory="/srv/tftp"):
    """Documented above."""
    return _grub.files(Fleet.from_dict(fleet), roots, directory)


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"grub_files": grub_files}
