# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: dhcpd_config
author: Bootyard contributors (@bootyard)
short_description: The fleet as a configuration of ISC's DHCP server
version_added: 1.0.0
description: Returns the text of C(dhcpd.conf), one line a reservation.
extends_documentation_fragment: bootyard.netboot.fleet
"""

EXAMPLES = r"""
- name: Show the configuration
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.dhcpd_config }}"
"""

RETURN = r"""
_value:
  description: The text of the file.
  type: str
"""

from ansible_collections.bootyard.netboot.plugins.module_utils import _isc
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def dhcpd_config(fleet):
    """Documented above."""
    return _isc.config(Fleet.from_dict(fleet))


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"dhcpd_config": dhcpd_config}
