# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: dhcp_probe
author: Bootyard contributors (@bootyard)
short_description: Questions to the DHCP server and their right answers
version_added: 1.0.0
description: Returns the C(probe) of M(bootyard.netboot.service_files) for the first and the last node of each network; nothing when there is none.
extends_documentation_fragment: bootyard.netboot.fleet
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

from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def dhcp_probe(fleet):
    """Documented above."""
    return _dhcp.probe(Fleet.from_dict(fleet))


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"dhcp_probe": dhcp_probe}
