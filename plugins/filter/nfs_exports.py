# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: nfs_exports
author: Bootyard contributors (@bootyard)
short_description: The exports of all roots and shared directories
version_added: 1.0.0
description: Each root is exported to the address of its node alone, each shared directory to all networks.
positional: roots, server, shared
extends_documentation_fragment: [bootyard.netboot.fleet, bootyard.netboot.fleet.roots]
options:
  server:
    description: The NFS server that reads the files.
    type: str
    choices: [kernel, ganesha]
    required: true
  shared:
    description: Directories for all nodes, each with C(path) and, if wanted, C(writable) and C(trust_root).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Show the exports
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.nfs_exports(made.roots, 'kernel') }}"
"""

RETURN = r"""
_value:
  description: The text of each file by its path.
  type: dict
"""

from ansible_collections.bootyard.netboot.plugins.module_utils import _nfs
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def nfs_exports(fleet, roots, server, shared=()):
    """Documented above."""
    return _nfs.SERVERS[server](_nfs.exports(Fleet.from_dict(fleet), roots, shared))


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"nfs_exports": nfs_exports}
