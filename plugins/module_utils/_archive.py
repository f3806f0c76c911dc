# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""The archive of roots: what is ours in it, how old that is, its end, and the way back.

Only the record in a directory makes it ours, and only under the name that this record gives it: a copy of an operator's
carries another name, and stays for ever. Its age is time that has passed for certain, see L(Clock).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

from ._records import Layout, Record, RootError, save
from ._roots import free_numbers
from ._run import brief
from ._statefile import StateFileError, read_as, write_json
from ._trees import remove_tree

DAY = 86400


# --- age -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """What the machine's clocks say: the wall's, in seconds since 1970, and that of this C(boot), which nobody can set."""

    wall: float
    boot: str
    uptime: float

    @classmethod
    def now(cls) -> Moment:
        """This one."""
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return cls(time.time(), stream.read().strip(), time.clock_gettime(time.CLOCK_BOOTTIME))


@dataclass(frozen=True)
class Clock:
    """Seconds that have passed on this master since it began to count, and when that was last looked at.

    A clock on the wall may stand in 1970 or be set to anything. So within one boot the kernel's own count is taken, and of the time
    before a boot no more than a day, each time.
    """

    counted: float = 0
    wall: float = 0
    boot: str = ""
    uptime: float = 0

    def at(self, now: Moment) -> Clock:
        """The clock as it stands now."""
        if self.boot == now.boot:
            passed = max(0.0, now.uptime - self.uptime)
        elif self.boot:
            passed = now.uptime + min(max(0.0, now.wall - now.uptime - self.wall), DAY)
        else:
            passed = 0.0
        return Clock(self.counted + passed, now.wall, now.boot, now.uptime)


def look(layout: Layout, now: Moment | None = None) -> Clock:
    """The clock as it stands now. One that is lost goes on from what the archives say."""
    try:
        clock = read_as(Clock, _clock_file(layout)) or Clock()
    except StateFileError:
        clock = Clock()
    latest = max((item.record.archived_at for item in archives(layout) if item.record), default=0.0)
    return replace(clock, counted=max(clock.counted, latest)).at(now or Moment.now())


def tick(layout: Layout) -> Clock:
    """Look at the clock and remember it for the next look, so that no time is counted twice."""
    clock = look(layout)
    os.makedirs(os.path.dirname(_clock_file(layout)), mode=0o700, exist_ok=True)
    write_json(_clock_file(layout), asdict(clock))
    return clock


def _clock_file(layout: Layout) -> str:
    return os.path.join(os.path.dirname(layout.fstab), "archive-clock.json")


# --- what is there ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Archive:
    """A directory in the archive. C(foreign) says why it is not ours and stays; it is empty where it is ours."""

    path: str
    record: Record | None
    foreign: str = ""

    @property
    def name(self) -> str:
        """The name of the directory."""
        return os.path.basename(self.path)


def archives(layout: Layout) -> list[Archive]:
    """All directories in the archive, by name."""
    try:
        names = sorted(entry.name for entry in os.scandir(layout.archive) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
    return [_archive(os.path.join(layout.archive, name)) for name in names]


def _archive(path: str) -> Archive:
    try:
        record = read_as(Record, record_file(path))
    except StateFileError as error:
        return Archive(path, None, str(error))
    if record is None:
        return Archive(path, None, "has no record of a root")
    if record.archived_as != os.path.basename(path):
        return Archive(path, record, f"has the record of {record.archived_as or 'a root that was not archived'}")
    return Archive(path, record)


def record_file(directory: str) -> str:
    """The record of a root in a directory."""
    return os.path.join(directory, "root.json")


# --- in and out ------------------------------------------------------------------------------------------------------


def admit(layout: Layout, record: Record) -> str:
    """Move the directory of a root that nothing uses into the archive; returns where it is."""
    os.makedirs(layout.archive, mode=0o700, exist_ok=True)
    number = int(time.time())
    while os.path.lexists(path := os.path.join(layout.archive, f"{record.node}.{number}")):
        number += 1
    save(layout, replace(record, archived_as=os.path.basename(path), archived_at=tick(layout).counted))
    os.rename(layout.home(record.node), path)
    return path


def expired(layout: Layout, days: int, clock: Clock) -> list[str]:
    """Archives of ours that have been kept for longer than C(days)."""
    ours = ((item.path, item.record) for item in archives(layout) if not item.foreign)
    return [path for path, record in ours if record and clock.counted - record.archived_at > days * DAY]


def remove(paths: Iterable[str]) -> None:
    """Delete archives, each one's record last: one that is left half deleted is still ours. Raises L(RootError) at the end."""
    faults = []
    for path in paths:
        try:
            remove_tree(path, last=("root.json",))
        except OSError as error:
            faults.append(f"{path} ({error})")
    if faults:
        raise RootError(f"these archives could not be deleted, all others that were due are: {brief(faults)}")


def choose(layout: Layout, node: str, name: str = "") -> Archive:
    """The archive of a node that has the C(name), or its newest one."""
    there = archives(layout)
    own = [item for item in there if item.record and item.record.node == node]
    if name:
        found = [item for item in own if item.name == name]
    else:
        found = [item for item in own if not item.foreign]
        found = found and [max(found, key=lambda item: (item.record.archived_at if item.record else 0, item.name))]
    if not found:
        names = brief(item.name for item in own) or "none"
        raise RootError(f"{layout.archive} has no root {f'{name} ' if name else ''}of {node}; expected one of: {names}")
    return found[0]


def check_restorable(layout: Layout, archive: Archive) -> Record:
    """The record of an archive that can become the root of its node again. Raises L(RootError) otherwise."""
    record = archive.record
    if not record:
        raise RootError(f"{archive.path} {archive.foreign}")
    home, path = layout.home(record.node), os.path.join(layout.exports, record.node)
    generation = os.path.join(layout.images, record.image, record.generation)
    if os.path.lexists(home):
        raise RootError(f"{record.node} has a root, in {home}; remove it first: netboot_state: absent on it, and run")
    if os.path.isdir(path) and os.listdir(path):
        raise RootError(f"{path} has files of somebody else; move it away")
    if not os.path.isdir(generation):
        raise RootError(f"the image that {archive.path} is a clone of is missing; bring {generation} back from a backup")
    return replace(record, path=path)


def restore(layout: Layout, records: Mapping[str, Record], archive: Archive) -> Record:
    """Make an archive the root of its node again, under an export id that no root has; the next run mounts and exports it.

    Its record says that it is ready before it is where roots are, and young, lest it end half way; so a call that was killed is done
    again.
    """
    record = replace(check_restorable(layout, archive), export_id=next(free_numbers(records)), state="ready")
    record = replace(record, archived_as=archive.name, archived_at=tick(layout).counted)
    write_json(record_file(archive.path), asdict(record))
    os.makedirs(layout.roots, mode=0o711, exist_ok=True)
    os.rename(archive.path, layout.home(record.node))
    record = replace(record, archived_as="", archived_at=0)
    save(layout, record)
    return record
