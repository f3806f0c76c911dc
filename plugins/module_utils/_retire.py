# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Roots that leave: whether their nodes still run, the archive, and its end."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterable

from . import _volumes
from ._records import Layout, Record, RootError, delete, write_fstab


def in_use(records: Iterable[Record]) -> list[Record]:
    """The roots whose nodes are up. An NFS connection would prove less: an idle node has none, one that lost power keeps it."""
    return [record for record in records if answers(record.ip)]


def answers(ip: str, timeout: float = 2) -> bool:
    """Whether a machine is up at an address: it answers ARP whatever it filters, or on another network refuses a connection at worst."""
    route = subprocess.run(["ip", "-json", "route", "get", ip], check=False, capture_output=True, text=True)
    path = json.loads(route.stdout)[0] if route.returncode == 0 else {}
    if path.get("dev", "lo") != "lo" and "gateway" not in path:
        try:
            return subprocess.run(["arping", "-q", "-f", "-w", f"{timeout:g}", "-I", path["dev"], ip], check=False).returncode == 0
        except FileNotFoundError as error:
            raise RootError("arping is missing on the master, which tells whether a node is up; install iputils-arping") from error
    try:
        socket.create_connection((ip, 22), timeout).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


def leave(layout: Layout, records: dict[str, Record], names: Iterable[str], purge: bool) -> None:
    """Take roots out of service; their data goes to the archive, or away with C(purge)."""
    for name in names:
        record = records[name]
        _volumes.detach(layout.own_mounts(record))
        del records[name]
        write_fstab(layout, records)
        os.makedirs(layout.archive, mode=0o700, exist_ok=True)
        grave = os.path.join(layout.archive, f"{name}.{int(time.time())}")
        os.rename(layout.home(name), grave)
        if purge:
            delete([grave])


def expired(layout: Layout, days: int) -> list[str]:
    """Archived roots that have been kept for longer than C(days)."""
    try:
        entries = os.listdir(layout.archive)
    except FileNotFoundError:
        return []
    limit = time.time() - days * 86400
    return sorted(
        os.path.join(layout.archive, entry)
        for entry in entries
        if entry.rpartition(".")[2].isdigit() and int(entry.rpartition(".")[2]) < limit
    )


def remove_expired(paths: Iterable[str]) -> None:
    """Delete archived roots."""
    delete(paths)
