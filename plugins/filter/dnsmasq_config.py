# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: dnsmasq_config
author: Bootyard contributors (@bootyard)
short_description: The fleet as a configuration of dnsmasq
version_added: 1.0.0
description: Returns the text of C(dnsmasq.conf), one line a reservation.
positional: tftp_root
extends_documentation_fragment: bootyard.netboot.fleet
options:
  tftp_root:
    description: Directory that dnsmasq serves by TFTP; none if it is empty.
    type: str
    default: ''
"""

EXAMPLES = r"""
- name: Show the configuration
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.dnsmasq_config }}"
"""

RETURN = r"""
_value:
  description: The text of the file.
  type: str
"""

from ansible_collections.bootyard.netboot.plugins.module_utils import _dnsmasq
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def dnsmasq_config(fleet, tftp_root=""):
    """Documented above."""
    return _dnsmasq.config(Fleet.from_dict(fleet), tftp_root)


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"dnsmasq_config": dnsmasq_config}
