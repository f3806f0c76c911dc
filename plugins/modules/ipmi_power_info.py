#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ipmi_power_info
author: Bootyard contributors (@bootyard)
short_description: Ask a BMC whether its machine is on
version_added: 1.0.0
description:
  - The question that goes with M(community.general.ipmi_power), which can only command.
options:
  name:
    description: Name or address of the BMC.
    type: str
    required: true
  port:
    description: Its port.
    type: int
    default: 623
  user:
    description: Who logs in.
    type: str
    required: true
  password:
    description: The password of O(user).
    type: str
    required: true
requirements:
  - pyghmi
attributes:
  check_mode:
    description: Can run in check mode, and does the same there.
    support: full
  diff_mode:
    description: Changes nothing, so it has nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Ask whether node1 is on
  bootyard.netboot.ipmi_power_info:
    name: 10.77.33.111
    user: admin
    password: "{{ netboot_bmc.password }}"
  delegate_to: localhost
"""

RETURN = r"""
powerstate:
  description: V(on) or V(off).
  returned: success
  type: str
  sample: "on"
"""

import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from pyghmi.exceptions import IpmiException
    from pyghmi.ipmi.command import Command

    PYGHMI_ERROR = None
except ImportError:
    PYGHMI_ERROR = traceback.format_exc()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "port": {"type": "int", "default": 623},
            "user": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    if PYGHMI_ERROR:
        module.fail_json(msg=missing_required_lib("pyghmi"), exception=PYGHMI_ERROR)
    bmc = module.params
    try:
        answer = Command(bmc["name"], bmc["user"], bmc["password"], port=bmc["port"]).get_power()
    except IpmiException as error:
        module.fail_json(msg=f"the BMC at {bmc['name']}:{bmc['port']} does not answer {bmc['user']}: {error}")
    module.exit_json(powerstate=answer["powerstate"])


if __name__ == "__main__":
    main()
