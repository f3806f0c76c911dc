# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What the master knows of each root, and where roots are kept: read and written, nothing decided."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from ._image import ImageError, remove_tree


class RootError(RuntimeError):
    """A root could not be made or removed; the message says which, why, and what is left."""


@dataclass
class Record:
    """What the master knows of a root. C(entries) and C(accounts) are digests of what was last written into it."""

    node: str
    ip: str
    image: str
    generation: str
    strategy: str
    path: str
    export_id: int
    state: str = "building"
    host_key: str = ""
    entries: dict[str, str] = field(default_factory=dict)
    accounts: str = ""


@dataclass(frozen=True)
class Layout:
    """Where things are on the master."""

    images: str = "/srv/netboot/images"
    roots: str = "/srv/netboot/roots"
    archive: str = "/srv/netboot/archive"
    exports: str = "/srv/nfs"
    fstab: str = "/var/lib/bootyard/roots.fstab"

    def lower(self, record: Record) -> str:
        """The image generation that a root is a clone of."""
        return os.path.join(self.images, record.image, record.generation, "root")

    def home(self, node: str) -> str:
        """The directory of a root's record and data."""
        return os.path.join(self.roots, node)

    def options(self, record: Record) -> str:
        """Overlay options; the last two make file handles that outlive the server's cache, which NFS needs."""
        home = self.home(record.node)
        return f"lowerdir={self.lower(record)},upperdir={home}/upper,workdir={home}/work,index=on,nfs_export=on"


def load(layout: Layout) -> dict[str, Record]:
    """All records by node name."""
    records = {}
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(layout.roots):
            with (
                contextlib.suppress(FileNotFoundError, NotADirectoryError),
                open(os.path.join(entry.path, "root.json"), encoding="utf-8") as stream,
            ):
                records[entry.name] = Record(**json.load(stream))
    return records


def save(layout: Layout, record: Record) -> None:
    """Write a record so that a power cut leaves the old or the new one."""
    path = os.path.join(layout.home(record.node), "root.json")
    with open(path + ".new", "w", encoding="utf-8") as stream:
        json.dump(asdict(record), stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(path + ".new", path)


def mounts() -> dict[str, str]:
    """Mount points of this machine and the type of what is mounted there."""
    with open("/proc/self/mounts", encoding="utf-8") as table:
        return {fields[1].replace("\\040", " "): fields[2] for fields in map(str.split, table)}


def run(*command: str) -> None:
    """Run a command that dies with this process, so that nothing of a killed run goes on writing."""
    done = subprocess.run(["setpriv", "--pdeathsig", "KILL", *command], check=False, capture_output=True, text=True)
    if done.returncode:
        raise RootError(f"{command[0]} failed: {done.stderr.strip()}")


def delete(paths: Iterable[str]) -> None:
    """Delete directories that are ours."""
    try:
        for path in paths:
            remove_tree(path)
    except ImageError as error:
        raise RootError(str(error)) from error
