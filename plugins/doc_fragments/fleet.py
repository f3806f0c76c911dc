# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """What all filters share that print the fleet."""

    DOCUMENTATION = r"""
options:
  _input:
    description: The fleet, from P(bootyard.netboot.fleet#filter).
    type: dict
    required: true
"""

    ROOTS = r"""
options:
  roots:
    description: The roots by node name, as M(bootyard.netboot.node_roots) returns them.
    type: dict
    required: true
"""
