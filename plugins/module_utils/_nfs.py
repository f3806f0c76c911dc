# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Exports of node roots and shared directories, for the kernel's server and for Ganesha. Pure.

Each root is exported to its node's address alone. Sources: exports(5), ganesha-export-config(8),
ganesha-core-config(8).
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ._fleet import Fleet

#: Namespace of the file system ids that exports of overlays need: they have no UUID of their own.
_FSID = uuid.UUID("5f3c1c4e-8a43-5d0a-9d7e-0b1f2c3d4e5f")

#: The first export id of shared directories; roots have the ids below.
SHARED_IDS = 60000


@dataclass(frozen=True)
class Export:
    """A directory and the addresses or networks that may mount it."""

    name: str
    number: int
    path: str
    clients: tuple[str, ...]
    writable: bool = True
    trust_root: bool = True


def exports(fleet: Fleet, roots: Mapping[str, Mapping[str, Any]], shared: Iterable[Mapping[str, Any]]) -> list[Export]:
    """One export for each root and for each shared directory."""
    found = [
        Export(node.name, roots[node.name]["export_id"], roots[node.name]["path"], (node.ip,))
        for node in fleet.rooted
        if node.name in roots
    ]
    networks = tuple(network.cidr for network in fleet.networks.values())
    taken: set[int] = set()
    for item in shared:
        name = f"shared{quote(item['path'], safe='')}"  # with a character that no node's name has
        # From the path, since an id must not change when another directory joins or leaves.
        number = SHARED_IDS + zlib.crc32(item["path"].encode()) % 5000
        while number in taken:
            number += 1
        taken.add(number)
        found.append(Export(name, number, item["path"], networks, item.get("writable", True), item.get("trust_root", False)))
    return found


def kernel_files(items: Iterable[Export]) -> dict[str, str]:
    """One file an export for exportfs(8)."""
    return {f"/etc/exports.d/bootyard-{item.name}.exports": _kernel(item) for item in items}


def _kernel(item: Export) -> str:
    options = ",".join(
        [
            "rw" if item.writable else "ro",
            "no_root_squash" if item.trust_root else "root_squash",
            "sync",
            "no_subtree_check",
            "mountpoint",  # Never the directory below a file system that is not mounted.
            f"fsid={uuid.uuid5(_FSID, item.path)}",
        ]
    )
    return f"{item.path} {' '.join(f'{client}({options})' for client in item.clients)}\n"


def ganesha_files(items: Iterable[Export]) -> dict[str, str]:
    """The EXPORT blocks of all exports in one file, which Ganesha reads again at SIGHUP."""
    return {"/etc/ganesha/bootyard-exports.conf": "".join(_ganesha(item) for item in items)}


def _ganesha(item: Export) -> str:
    access = "RW" if item.writable else "RO"
    squash = "No_Root_Squash" if item.trust_root else "Root_Squash"
    # An unprivileged process on a node must not say that it is root, and nobody write with a false address to which no answer
    # has to come; the kernel's server sees to either by itself.
    # Roots change behind Ganesha's back when they are personalised, so attributes are never cached.
    return (
        f"EXPORT {{ Export_Id = {item.number}; Path = {item.path}; Pseudo = {item.path}; Protocols = 3, 4; Transports = TCP;"
        f" SecType = sys; PrivilegedPort = true; Access_Type = None; Attr_Expiration_Time = 0; FSAL {{ Name = VFS; }}"
        f" CLIENT {{ Clients = {', '.join(item.clients)}; Access_Type = {access}; Squash = {squash}; }} }}\n"
    )


#: How each server wants its exports.
SERVERS = {"kernel": kernel_files, "ganesha": ganesha_files}
