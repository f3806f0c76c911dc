# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Roots that leave, and whether their nodes still run."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from ._archive import admit, remove
from ._records import Layout, Record, RootError, write_fstab
from ._run import brief
from ._trees import unmount_below
from ._volumes import VolumeError, run


def in_use(records: Iterable[Record]) -> list[Record]:
    """The roots whose nodes are up. An NFS connection would prove less: an idle node has none, one that lost power keeps it."""
    records = list(records)
    with ThreadPoolExecutor(64) as pool:  # one that is off takes its time not to answer
        return [record for record, up in zip(records, pool.map(lambda record: answers(record.ip), records), strict=True) if up]


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
    """Take roots out of service; their data goes to the archive, or away with C(purge).

    One that cannot leave stays as it is. Raises L(RootError) when all others have left.
    """
    faults = []
    for name in names:
        try:
            _leave(layout, records, name, purge)
        except (OSError, RootError, VolumeError) as error:
            faults.append(f"{name} ({error})")
    if faults:
        raise RootError(f"these roots could not leave, all others did: {brief(faults)}; run again")


def _leave(layout: Layout, records: dict[str, Record], name: str, purge: bool) -> None:
    record, home = records[name], layout.home(name)
    for path in (record.path, home):
        unmount_below(path)
    del records[name]
    write_fstab(layout, records)
    if os.path.isdir(record.path):
        if record.strategy == "copy" and os.listdir(record.path):  # of the former layout, on another file system perhaps
            run("mv", "--no-target-directory", record.path, os.path.join(home, "root"))
        else:
            os.rmdir(record.path)
    path = admit(layout, record)
    if purge:
        remove([path])
