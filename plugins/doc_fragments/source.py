# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """What the inventory plugins of this collection share."""

    DOCUMENTATION = r"""
options:
  path:
    description:
      - The file, absolute or as seen from the directory of the configuration.
      - It is data and no template; what looks like Jinja in it stays as it is.
      - Ansible reads every file in the directory of an inventory as an inventory, so keep it elsewhere, or leave it out with
        C(ignore_patterns) in the section C(inventory) of C(ansible.cfg).
    type: str
    required: true
  group:
    description: The group that the hosts come into.
    type: str
    default: slaves
author:
  - Bootyard contributors (@bootyard)
"""
