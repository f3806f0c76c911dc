# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: pxelinux_files
author: Bootyard contributors (@bootyard)
short_description: The PXELINUX configuration of every node
version_added: 1.0.0
description: Returns one file for each network card of each node that has something to boot, or one for all nodes of a profile that names it.
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
    msg: "{{ netboot_fleet | bootyard.netboot.pxelinux_files(made.roots) }}"
"""

RETURN = r"""
_value:
  description: The text of each file by its path.
  type: dict
"""

from ansible_collections.bootyard.netboot.plugins.module_utils import _pxelinux
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def pxelinux_files(fleet, roots, directory="/srv/tftp"):
    """Documented above."""
    return _pxelinux.files(Fleet.from_dict(fleet), roots, directory)


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"pxelinux_files": pxelinux_files}
