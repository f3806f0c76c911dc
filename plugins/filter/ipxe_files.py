# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: ipxe_files
author: Bootyard contributors (@bootyard)
short_description: The iPXE scripts of every machine
version_added: 1.0.0
description: Returns the script that every iPXE begins with, one for each node by each of its MACs and its UUID, and one for all other machines.
positional: roots, directory, menu, replace_rom
extends_documentation_fragment: [bootyard.netboot.fleet, bootyard.netboot.fleet.roots]
options:
  directory:
    description: The HTTP server's root.
    type: str
    default: /srv/http
  menu:
    description: Whether to ask for a while what to boot.
    type: bool
    default: false
  replace_rom:
    description: Whether BIOS machines that run another iPXE load the master's own in its place.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what the nodes are told to boot
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.ipxe_files(made.roots, menu=true) }}"
"""

RETURN = r"""
_value:
  description: The text of each file by its path.
  type: dict
"""

from ansible_collections.bootyard.netboot.plugins.module_utils import _ipxe
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def ipxe_files(fleet, roots, directory="/srv/http", menu=False, replace_rom=False):
    """Documented above."""
    return _ipxe.files(Fleet.from_dict(fleet), roots, directory, menu, replace_rom)


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"ipxe_files": ipxe_files}
