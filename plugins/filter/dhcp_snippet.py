# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: dhcp_snippet
author: Bootyard contributors (@bootyard)
short_description: What to write into another DHCP server
version_added: 1.0.0
description:
  - Returns what makes a DHCP server that this collection does not manage tell machines what to boot.
  - RouterOS and the forms of OPNsense cannot tell nodes from other machines, and say the same to all.
positional: server
extends_documentation_fragment: bootyard.netboot.fleet
options:
  server:
    description: The server.
    type: str
    choices: [isc, kea, dnsmasq, mikrotik, opnsense]
    required: true
"""

EXAMPLES = r"""
- name: Show what to enter on a MikroTik router
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.dhcp_snippet('mikrotik') }}"
"""

RETURN = r"""
_value:
  description: The text.
  type: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.bootyard.netboot.plugins.module_utils import _snippets
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def dhcp_snippet(fleet, server):
    """Documented above."""
    if server not in _snippets.SERVERS:
        raise AnsibleFilterError(f"no server is called {server}; there are {', '.join(_snippets.SERVERS)}")
    return _snippets.snippet(Fleet.from_dict(fleet), server)


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"dhcp_snippet": dhcp_snippet}
