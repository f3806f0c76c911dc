# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: pxe_hosts
author: Bootyard contributors (@bootyard)
short_description: The nodes as a pxe_hosts.json
version_added: 1.0.0
description:
  - The way back from P(bootyard.netboot.pxe_hosts#inventory), which reads the same nodes out of the text.
  - Nodes that are absent are left out, and so are variables for which the file has no place; a warning names these.
positional: slaves
options:
  _input:
    description: The C(hostvars) of the play.
    type: dict
    required: true
  slaves:
    description: Names of the hosts that are nodes.
    type: list
    elements: str
    required: true
  channels:
    description: The profile of a channel, as it was given to P(bootyard.netboot.pxe_hosts#inventory).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show the file
  ansible.builtin.debug:
    msg: "{{ hostvars | bootyard.netboot.pxe_hosts(groups['slaves'], channels={'stable': 'flatcar'}) }}"
"""

RETURN = r"""
_value:
  description: The text of the file, the nodes in natural order.
  type: str
"""

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display
from ansible_collections.bootyard.netboot.plugins.module_utils import _pxe_hosts
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import NODE_VARIABLES, bare, canonical_mac, natural
from ansible_collections.bootyard.netboot.plugins.module_utils._sources import Host

PLACES = {*_pxe_hosts.KEYS.values(), _pxe_hosts.COMMON, *_pxe_hosts.OWN, "netboot_ip"}


def pxe_hosts(hostvars, slaves, channels=None):
    """Documented above."""
    hosts, homeless = [], set()
    for name in sorted(slaves, key=natural):
        variables = {variable: bare(hostvars[name][variable]) for variable in NODE_VARIABLES if variable in hostvars[name]}
        if variables.pop("netboot_state", "present") == "absent":
            continue
        variables.setdefault("netboot_profile", "debian-nfs")
        homeless |= variables.keys() - PLACES
        macs = variables.get("netboot_mac")
        try:
            variables["netboot_mac"] = canonical_mac(macs[0] if isinstance(macs, list) and macs else macs)
        except ValueError as error:
            raise AnsibleFilterError(f"{name}: netboot_mac = {macs!r}: {error}") from error
        if "netboot_ip" not in variables:
            raise AnsibleFilterError(f"{name}: netboot_ip is missing, by which the file knows a host")
        hosts.append(Host(name, variables))
    if homeless:
        Display().warning(f"pxe_hosts.json has no place for {', '.join(sorted(homeless))}; left out")
    return _pxe_hosts.dump(hosts, channels)


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"pxe_hosts": pxe_hosts}
