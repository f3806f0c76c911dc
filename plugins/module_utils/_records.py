# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What the master knows of each root, and where roots are kept: read and written, nothing decided."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping
from dataclasses import asdict, dataclass, field

from . import _volumes
from ._statefile import StateFileError, read_as, write_json
from ._trees import TreeError, remove_tree
from ._volumes import Mount, VolumeError


class RootError(RuntimeError):
    """A root could not be made or removed; the message says which, why, and what is left."""


#: What can go wrong with one root: its own loss, not the others'.
FAULTS = (OSError, RootError, StateFileError, TreeError, VolumeError)


@dataclass
class Record:
    """What the master knows of a root.

    C(entries) and C(accounts) are digests of what was last written into it, C(size) is that of its file system in bytes.
    C(macs) are the cards of the machine that it was last given to. C(archived_as) is the name of the only directory in the archive that
    is ours by this record, and C(archived_at) what L(_archive.Clock) had counted then.
    """

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
    size: int = 0
    macs: tuple[str, ...] = ()
    archived_as: str = ""
    archived_at: float = 0

    def public(self) -> dict[str, str | int]:
        """What boot loaders and exports need to know."""
        return {name: getattr(self, name) for name in ("image", "generation", "strategy", "path", "export_id", "host_key", "ip")}


@dataclass(frozen=True)
class Layout:
    """Where things are on the master, and how many bytes stay free there for its own files."""

    images: str = "/srv/netboot/images"
    roots: str = "/srv/netboot/roots"
    archive: str = "/srv/netboot/archive"
    exports: str = "/srv/nfs"
    common: str = "/srv/netboot/common.ext4"
    fstab: str = "/var/lib/bootyard/roots.fstab"
    reserve: int = 0

    @property
    def base(self) -> list[Mount]:
        """What is mounted whichever roots there are.

        Mount points are in memory: a file system that fails to mount leaves nothing there that could be exported.
        """
        return [
            Mount("tmpfs", self.exports, "tmpfs", ("mode=0700", "size=64m")),
            _volumes.disk(self.common, os.path.join(self.exports, ".common")),
        ]

    def home(self, node: str) -> str:
        """The directory of a root's record and data."""
        return os.path.join(self.roots, node)

    def disk(self, node: str) -> str:
        """The file that holds a root's own file system."""
        return os.path.join(self.home(node), "root.ext4")

    def packed(self, record: Record) -> str:
        """The packed image that a root is a clone of."""
        return os.path.join(self.images, record.image, record.generation, "root.squashfs")

    def mounts(self, record: Record) -> list[Mount]:
        """The mounts that make a root, in their order. Other roots may need the first one, too."""
        if record.strategy == "copy":
            return [_volumes.disk(self.disk(record.node), record.path)]
        lower, own = os.path.join(os.path.dirname(self.packed(record)), "root"), os.path.join(self.home(record.node), "disk")
        return [
            _volumes.pack(self.packed(record), lower),
            _volumes.disk(self.disk(record.node), own),
            _volumes.overlay(lower, own, record.path),
        ]

    def own_mounts(self, record: Record) -> list[Mount]:
        """The mounts of a root that no other root needs."""
        return [mount for mount in self.mounts(record) if mount.kind != "squashfs"]


def load(layout: Layout) -> tuple[dict[str, Record], dict[str, str]]:
    """All records, and what is wrong with those that cannot be read, both by the name of the node."""
    records, faults = {}, {}
    for name in _names(layout.roots):
        path = os.path.join(layout.home(name), "root.json")
        try:
            record = read_as(Record, path)
        except StateFileError as error:
            faults[name] = f"{error}; restore it from a backup, or move {layout.home(name)} away to have a new root made"
            continue
        if record and record.node != name:
            faults[name] = f"{path} is the record of {record.node}; move the copy {layout.home(name)} away"
        elif record:
            records[name] = record
    return records, faults


def free(layout: Layout) -> int:
    """Bytes that roots may still take before they take what is kept free; negative where they did."""
    try:
        room = os.statvfs(layout.roots)
    except FileNotFoundError:
        return 0
    return room.f_bavail * room.f_frsize - layout.reserve


def _names(directory: str) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(directory) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def duplicates(records: Mapping[str, Record], mounted: Container[str]) -> dict[str, str]:
    """What is wrong with roots that have the export id of another, by the name of the node; that other one is no part of it.

    The one that has the id rightly was not put back from the archive by hand (C(archived_as)), and is mounted.
    """
    rightful: dict[int, str] = {}
    faults = {}
    for name in sorted(records, key=lambda name: (records[name].archived_as != "", records[name].path not in mounted, name)):
        number = records[name].export_id
        owner = rightful.setdefault(number, name)
        if owner != name:
            faults[name] = (
                f"its record has the export id {number}, which is {owner}'s, as if it were put there by hand; move its directory to the archive and "
                f"run playbooks/roots.yml -e action=restore -e node={name} -e archive=DIRECTORY, which gives it another one"
            )
    return faults


def save(layout: Layout, record: Record) -> None:
    """Write a record so that a power cut leaves the old or the new one."""
    write_json(os.path.join(layout.home(record.node), "root.json"), asdict(record))


def write_fstab(layout: Layout, records: Mapping[str, Record]) -> None:
    """The table from which the master mounts the ready roots when it starts (fstab(5))."""
    ready = [record for _name, record in sorted(records.items()) if record.state == "ready"]
    lines = dict.fromkeys(mount.line for mount in [*layout.base, *(mount for record in ready for mount in layout.mounts(record))])
    text = "".join(lines)
    os.makedirs(os.path.dirname(layout.fstab), mode=0o700, exist_ok=True)
    try:
        with open(layout.fstab, encoding="utf-8") as stream:
            if stream.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(layout.fstab + ".new", "w", encoding="utf-8") as stream:
        stream.write(text)
    os.rename(layout.fstab + ".new", layout.fstab)


def delete(paths: Iterable[str]) -> None:
    """Delete directories that are ours."""
    try:
        for path in paths:
            remove_tree(path)
    except TreeError as error:
        raise RootError(str(error)) from error
