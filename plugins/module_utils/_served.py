# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Which nodes the files on a master are for, told by names alone: no file needs to be whole, and none is changed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from ._reconcile import FileSet


@dataclass(frozen=True)
class Places:
    """Where a master has what it made for its nodes."""

    state: str = "/var/lib/bootyard"
    roots: str = "/srv/netboot/roots"
    installs: str = "/srv/installs"
    configs: str = "/srv/cloud"
    names: str = "/srv/nfs/.common/hosts"


def nodes(places: Places, master: str) -> set[str]:
    """The nodes that have a root's record, an installation's state, a configuration, or a name. C(master) has only the last."""
    found = {*_marked(places.roots, "root.json"), *_marked(places.installs, ".bootyard"), *_configured(places), *_named(places.names)}
    return found - {master}


def _marked(directory: str, mark: str) -> Iterator[str]:
    """Directories that have our mark, whatever is in it."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory) as entries:
        yield from (entry.name for entry in entries if os.path.lexists(os.path.join(entry.path, mark)))


def _configured(places: Places) -> Iterator[str]:
    for path in FileSet(places.state, "cloud").ledger.files:
        node, below, _file = os.path.relpath(path, places.configs).partition("/")
        if below and node != ".." and os.path.exists(path):
            yield node


def _named(path: str) -> Iterator[str]:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            address, *names = line.partition("#")[0].split() or [""]
            if names and not address.startswith("127.") and ":" not in address:
                yield names[-1]
