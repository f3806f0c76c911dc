# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What a message may say of a value: one of a variable that holds secrets is never shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "(hidden)"

#: Variables that may hold secrets, anywhere in them; and what of them is none, however wrong.
_SECRET = re.compile(r"(netboot_(bmc|config_secret|containers|vars(_group|_common)?)|nfs_root_(password_hash|users))(?![a-z_])")
_OPEN = re.compile(
    r"netboot_bmc\.(address|port|protocol)|netboot_containers\[\d+\]\.(name|image|archive|ports|volumes)|nfs_root_users\.(name|shell)"
)
_CREDENTIALS = re.compile(r"(?<=//)[^/@\s]+@")
_QUOTED = re.compile(r"'([^']*)'")
_KINDS = {str: "a text", bool: "true or false", int: "a whole number", float: "a number", type(None): "empty"}


def shown(variable: str, value: Any) -> Any:
    """The value of a variable as a message may have it."""
    return HIDDEN if _SECRET.match(variable) and not _OPEN.fullmatch(variable) else value


def without_credentials(text: str) -> str:
    """A text whose URLs say nobody's name and password."""
    return _CREDENTIALS.sub("…@", text)


def without_quotations(text: str) -> str:
    """Somebody else's message without what it quotes from a configuration; single characters and C(<names>) of a grammar stay."""
    return _QUOTED.sub(lambda quoted: quoted[0] if len(quoted[1]) < 2 or quoted[1].startswith("<") else "'…'", text)


def kind(value: Any) -> str:
    """What sort of value it is, in place of the value."""
    return (
        "a mapping" if isinstance(value, Mapping) else _KINDS.get(type(value), "a list" if isinstance(value, (list, tuple)) else "no text")
    )
