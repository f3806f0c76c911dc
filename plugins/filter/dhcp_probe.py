# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: dhcp_probe
author: Bootyard contributors (@bootyard)
short_description: A question to the DHCP server and its right answer
version_added: 1.0.0
description: Returns the C(probe) of M(bootyard.netboot.service_files) for the first node; nothing when there is none.
positional: boot_file
options:
  _input:
    description: The fleet, from P(bootyard.netboot.fleet#filter).
    type: dict
    required: true
  boot_file:
    description: Boot file of the nodes.
    type: str
    default: pxelinux.0
"""

EXAMPLES = r"""
- name: Show the probe
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.dhcp_probe }}"
"""

RETURN = r"""
_value:
  description: The probe.
  type: dict
"""

from ansible_collections.bootyard.netboot.plugins.module_utils import _kea
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def dhcp_probe(fleet, boot_file="pxelinux.0"):
    """Documented above."""
    return _kea.probe(Fleet.from_dict(fleet), boot_file)


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"dhcp_probe": dhcp_probe}
