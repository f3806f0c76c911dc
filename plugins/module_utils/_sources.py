# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What the inventories that other tools wrote have in common: hosts out, or all that is wrong with the text. Pure.

They say who is there. Whether a MAC is one, and an address free, is told by C(_fleet) for every inventory alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Host:
    """A host of an inventory: its C(netboot_*) and other variables, and the groups that it is in."""

    name: str
    variables: Mapping[str, Any]
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """What a file says: its hosts, and the variables that all of them share."""

    hosts: tuple[Host, ...]
    shared: Mapping[str, Any] = field(default_factory=dict)


class SourceError(ValueError):
    """The text cannot be used; C(faults) holds all that is wrong with it, each beginning with where."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))
