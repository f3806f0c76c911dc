#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: network_check
short_description: See that networks can be served without harm
version_added: 1.0.0
description:
  - Fails for an interface without a link, for one that carries the default route, and where another DHCP server answers.
  - On a network that carries the default route nothing is sent. Elsewhere one DHCPDISCOVER goes out, of a machine that does not exist.
options:
  networks:
    description: The networks by name, from P(bootyard.netboot.fleet#filter).
    type: dict
    required: true
  patience:
    description: Seconds that another server gets to answer.
    type: float
    default: 2.0
author:
  - Bootyard contributors (@bootyard)
attributes:
  check_mode:
    description: Changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Refuse to disturb a network
  bootyard.netboot.network_check:
    networks: "{{ netboot_fleet.networks }}"
"""

RETURN = r"""
complaints:
  description: What speaks against serving a network, with its name, the value and what would be right.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bootyard.netboot.plugins.module_utils import _preflight
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import networks_from


def main():
    module = AnsibleModule(
        argument_spec={
            "networks": {"type": "dict", "required": True},
            "patience": {"type": "float", "default": 2.0},
        },
        supports_check_mode=True,
    )
    found = _preflight.complaints(networks_from(module.params["networks"]), module.params["patience"])
    if found:
        module.fail_json(msg="\n".join(["These networks are not served:", *found]), complaints=found)
    module.exit_json(complaints=[])


if __name__ == "__main__":
    main()
