# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """What all modules of this collection share."""

    DOCUMENTATION = r"""
options:
  run:
    description:
      - The run that this call is a part of, as returned by M(bootyard.netboot.run).
      - When a later run has begun in the meantime, the call fails before it touches anything.
      - Without it the call only takes its turn among other calls.
    type: int
  state_dir:
    description: Directory on the master in which the collection remembers what it made.
    type: path
    default: /var/lib/bootyard
author:
  - Bootyard contributors (@bootyard)
"""
