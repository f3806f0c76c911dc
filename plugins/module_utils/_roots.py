# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Node roots: the only place that creates, personalises, archives and deletes them.

A root is a clone of an image generation. It is known by its record, which is written before anything else is made
(state C(building)) and again when all is done (C(ready)); only ready roots are exported. So a root that a killed run
left half made is recognised, and a directory without a record is somebody else's and stays untouched.

A node has full power over its own root. Whatever the master writes there later goes through directory descriptors
and never follows a link that the node may have laid.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from . import _personal, _volumes
from ._nfs import SHARED_IDS
from ._records import FAULTS, Layout, Record, RootError, delete, free, save, write_fstab
from ._statefile import read_json
from ._tree import Tree
from ._volumes import VolumeError, run

#: The size of the file system for what all nodes read, in bytes: names of some hundred thousand.
COMMON_SIZE = 32 << 20


@dataclass(frozen=True)
class Wanted:
    """A root as the inventory wants it. C(generation) is the one that a new root is cloned from, C(size) its room in bytes."""

    identity: _personal.Identity
    image: str
    generation: str
    size: int


# --- plan ------------------------------------------------------------------------------------------------------------


@dataclass
class Plan:
    """What has to be done, by node name, and what cannot be done for a node, and why."""

    base: bool = False
    create: list[str] = field(default_factory=list)
    update: dict[str, list[str]] = field(default_factory=dict)
    mount: list[str] = field(default_factory=list)
    leave: list[str] = field(default_factory=list)
    small: list[str] = field(default_factory=list)
    unmounted: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether everything is as it should be; leaving roots are another call's work."""
        return not (self.base or self.create or self.update or self.mount)


def plan(
    layout: Layout,
    records: Mapping[str, Record],
    unreadable: Mapping[str, str],
    wanted: Mapping[str, Wanted],
    settings: _personal.Settings,
    prune: bool,
) -> Plan:
    """Compare what is wanted with what is there; costs a few digests a node and reads no root.

    C(unreadable) are the nodes whose records are of no use.
    """
    todo = Plan(leave=sorted(set(records) - set(wanted)) if prune else [])
    mounted = _volumes.mounted()
    todo.base = any(mount.target not in mounted for mount in layout.base)
    accounts = _accounts_digest(settings)
    for name, want in wanted.items():
        record = records.get(name)
        if fault := unreadable.get(name) or _unusable(layout, name, record):
            todo.faults[name] = fault
            continue
        if record is None or record.state != "ready":
            todo.create.append(name)
            continue
        digests = _digests(_personal.entries(want.identity, settings))
        changed = [path for path, digest in digests.items() if record.entries.get(path) != digest]
        changed += [path for path in record.entries if path not in digests]
        if record.accounts != accounts:
            changed += _personal.ACCOUNT_FILES
        if changed or record.ip != want.identity.ip:
            todo.update[name] = changed
        if record.path not in mounted:
            todo.mount.append(name)
        if record.size < want.size:
            todo.small.append(name)
    return todo


def _unusable(layout: Layout, name: str, record: Record | None) -> str | None:
    """Why a root can be neither made nor used: what is in its place is not known here, or of an earlier release."""
    home, path = layout.home(name), os.path.join(layout.exports, name)
    if record is None:
        # A first record that a killed run did not get to rename is ours.
        if os.path.isdir(home) and set(os.listdir(home)) - {"root.json.new"}:
            return f"{home} has no root.json, so it is not known whose it is; restore the record from a backup, or move the directory away"
        if os.path.isdir(path) and os.listdir(path):
            return f"{path} is in the way and not of this collection's making; move it away"
    elif record.state == "ready" and not os.path.exists(layout.disk(name)):
        return (
            f"{layout.disk(name)} is missing. Restore it from a backup, or, if the root was made before roots had file systems of their "
            f"own, switch the node off and run playbooks/roots.yml -e action=repair -e node={name}"
        )
    return None


def _digests(entries: Mapping[str, _personal.Entry]) -> dict[str, str]:
    return {path: hashlib.sha256(repr(entry).encode()).hexdigest()[:16] for path, entry in entries.items()}


def _accounts_digest(settings: _personal.Settings) -> str:
    rows = [settings.password_hash, [sorted((key, str(value)) for key, value in user.items()) for user in settings.users]]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


# --- apply -----------------------------------------------------------------------------------------------------------


def apply(
    layout: Layout, todo: Plan, records: dict[str, Record], wanted: Mapping[str, Wanted], settings: _personal.Settings, strategy: str
) -> None:
    """Mount, update and create roots as planned; C(records) is brought up to date.

    Roots that exist are never replaced. What fails for one node is added to C(todo.faults), and the others go on: a root
    that could not be made is gone again, and one that could not be mounted is among C(todo.unmounted).
    """
    if todo.base:
        make_base(layout)
    if todo.create and strategy == "auto":
        strategy = "overlay" if _volumes.overlays_work() else "copy"
    numbers = free_numbers(records)

    def mount(name: str) -> None:
        try:
            _volumes.attach(layout.mounts(records[name]))
        except VolumeError as error:
            raise RootError(f"{error}; with the node off, playbooks/roots.yml -e action=repair -e node={name} repairs it") from error

    def update(name: str) -> None:
        _update(layout, records[name], wanted[name], settings, todo.update[name])

    def create(name: str) -> None:
        records[name] = _create(layout, wanted[name], settings, strategy, records.pop(name, None), numbers)

    try:
        _each(todo, todo.mount, mount)
        todo.unmounted = [name for name in todo.mount if name in todo.faults]
        _each(todo, todo.update, update)
        _each(todo, todo.create, create)
    finally:
        write_fstab(layout, records)


def _each(todo: Plan, names: Iterable[str], work: Callable[[str], None]) -> None:
    """Do the work for each node that nothing has failed for yet."""
    for name in names:
        if name not in todo.faults:
            try:
                work(name)
            except FAULTS as error:
                todo.faults[name] = str(error)


def make_base(layout: Layout) -> None:
    """Make and mount what all roots need."""
    if os.path.isdir(layout.exports) and os.listdir(layout.exports) and layout.exports not in _volumes.mounted():
        raise RootError(
            f"{layout.exports} has entries ({', '.join(sorted(os.listdir(layout.exports))[:5])}) on the master's own file system. Roots of an "
            "earlier release: switch their nodes off and run playbooks/roots.yml -e action=repair. Anything else: move it away"
        )
    if not os.path.exists(layout.common):
        os.makedirs(os.path.dirname(layout.common), mode=0o755, exist_ok=True)
        _volumes.make(layout.common, COMMON_SIZE)
    _volumes.attach(layout.base)


def predict(layout: Layout, todo: Plan, records: dict[str, Record], wanted: Mapping[str, Wanted]) -> None:
    """Bring C(records) to what L(apply) would make of them, and touch nothing else."""
    numbers = free_numbers(records)
    for name in todo.create:
        record = records.get(name)
        records[name] = _new_record(layout, wanted[name], "auto", record.export_id if record else next(numbers))
        records[name].state = "ready"


def _new_record(layout: Layout, want: Wanted, strategy: str, number: int) -> Record:
    node = want.identity
    path = os.path.join(layout.exports, node.name)
    return Record(node.name, node.ip, want.image, want.generation, strategy, path, number, size=want.size)


def free_numbers(records: Mapping[str, Record]) -> Iterator[int]:
    """Export ids that no root has: part of every file handle, hence kept for the life of a root."""
    taken = {record.export_id for record in records.values()}
    return (number for number in range(1, SHARED_IDS) if number not in taken)


def _create(
    layout: Layout, want: Wanted, settings: _personal.Settings, strategy: str, leftover: Record | None, numbers: Iterator[int]
) -> Record:
    name = want.identity.name
    if leftover:
        _discard(layout, leftover)
    record = _new_record(layout, want, strategy, leftover.export_id if leftover else next(numbers))
    os.makedirs(layout.home(name), mode=0o700, exist_ok=True)
    try:
        _room_for(layout, record)
        save(layout, record)
        _volumes.make(layout.disk(name), record.size)
        STRATEGIES[strategy](layout, record)
        with Tree(record.path) as tree:
            entries = _personal.entries(want.identity, settings)
            for path, entry in entries.items():
                tree.put(path, entry)
            _put_accounts(tree, settings)
            record.host_key = _put_host_key(tree, name)
        # A full disk fails only now, when the blocks of the image file are really written.
        run("sync", "--file-system", record.path)
        record.entries, record.accounts, record.state = _digests(entries), _accounts_digest(settings), "ready"
        save(layout, record)
    except FAULTS as error:
        with contextlib.suppress(*FAULTS):
            _discard(layout, record)
        raise RootError(f"its root could not be made and is gone again: {error}") from error
    return record


def _overlay(layout: Layout, record: Record) -> None:
    *below, top = layout.mounts(record)
    _volumes.attach(below)
    for name in ("upper", "work"):
        os.mkdir(os.path.join(below[-1].target, name), 0o755)
    _volumes.attach([top])


def _copy(layout: Layout, record: Record) -> None:
    _volumes.attach(layout.mounts(record))
    run("unsquashfs", "-quiet", "-no-progress", "-force", "-dest", record.path, layout.packed(record))


#: How to clone an image generation into a new root.
STRATEGIES: dict[str, Callable[[Layout, Record], None]] = {"overlay": _overlay, "copy": _copy}


def _room_for(layout: Layout, record: Record) -> None:
    """A file system that cannot write its own blocks loses what its node wrote, so the room is asked for before."""
    manifest = read_json(os.path.join(os.path.dirname(layout.packed(record)), "manifest.json")) or {}
    need = manifest.get("bytes", 0) if record.strategy == "copy" else 0
    if (room := free(layout)) < need:
        raise RootError(
            f"{layout.roots} has {room >> 20} MiB left above the {layout.reserve >> 20} that stay free; a new root takes {need >> 20}"
        )
    if record.size < need * 5 // 4:
        raise RootError(f"its netboot_quota of {record.size >> 20} MiB is too small for a copy of {record.image}, which takes {need >> 20}")


def _update(layout: Layout, record: Record, want: Wanted, settings: _personal.Settings, paths: Iterable[str]) -> None:
    entries = _personal.entries(want.identity, settings)
    with Tree(record.path) as tree:
        for path in paths:
            if path in entries:
                tree.put(path, entries[path])
            elif path in record.entries:
                tree.drop(path)
        if record.accounts != _accounts_digest(settings):
            _put_accounts(tree, settings)
    record.ip, record.entries, record.accounts = want.identity.ip, _digests(entries), _accounts_digest(settings)
    save(layout, record)


def _put_accounts(tree: Tree, settings: _personal.Settings) -> None:
    current = {path: tree.read(path) for path in _personal.ACCOUNT_FILES}
    for path, text in _personal.accounts(current, settings).items():
        if text != current[path]:
            tree.put(path, _personal.Entry(text, *tree.owner_and_mode(path)))


def _put_host_key(tree: Tree, name: str) -> str:
    """Give the root an SSH host key of its own; returns the public half as known_hosts has it."""
    with tempfile.TemporaryDirectory(dir="/run") as scratch:
        path = os.path.join(scratch, "key")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"root@{name}", "-f", path)
        for suffix, mode in (("", 0o600), (".pub", 0o644)):
            with open(path + suffix, encoding="utf-8") as stream:
                text = stream.read()
            tree.put(f"/etc/ssh/ssh_host_ed25519_key{suffix}", _personal.Entry(text, mode))
    return " ".join(text.split()[:2])


def _discard(layout: Layout, record: Record) -> None:
    """Remove what a failed or killed creation left; such a root was never exported."""
    _volumes.detach(layout.own_mounts(record))
    delete([layout.home(record.node)])
