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
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from . import _personal
from ._nfs import SHARED_IDS
from ._records import Layout, Record, RootError, delete, mounts, run, save
from ._run import brief
from ._tree import Tree


@dataclass(frozen=True)
class Wanted:
    """A root as the inventory wants it. C(generation) is the one that a new root is cloned from."""

    identity: _personal.Identity
    image: str
    generation: str


# --- plan ------------------------------------------------------------------------------------------------------------


@dataclass
class Plan:
    """What has to be done, by node name."""

    create: list[str] = field(default_factory=list)
    update: dict[str, list[str]] = field(default_factory=dict)
    mount: list[str] = field(default_factory=list)
    leave: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether everything is as it should be; leaving roots are another call's work."""
        return not (self.create or self.update or self.mount)


def plan(layout: Layout, records: Mapping[str, Record], wanted: Mapping[str, Wanted], settings: _personal.Settings, prune: bool) -> Plan:
    """Compare what is wanted with what is there; costs a few digests a node and reads no root.

    Raises C(RootError) when a directory that is not ours is where a root should be.
    """
    todo = Plan(leave=sorted(set(records) - set(wanted)) if prune else [])
    mounted = mounts()
    accounts = _accounts_digest(settings)
    foreign = []
    for name, want in wanted.items():
        record = records.get(name)
        if record is None or record.state != "ready":
            todo.create.append(name)
            path = os.path.join(layout.exports, name)
            if record is None and os.path.isdir(path) and os.listdir(path):
                foreign.append(path)
            continue
        digests = _digests(_personal.entries(want.identity, settings))
        changed = [path for path, digest in digests.items() if record.entries.get(path) != digest]
        changed += [path for path in record.entries if path not in digests]
        if record.accounts != accounts:
            changed += _personal.ACCOUNT_FILES
        if changed or record.ip != want.identity.ip:
            todo.update[name] = changed
        if record.strategy == "overlay" and record.path not in mounted:
            todo.mount.append(name)
    if foreign:
        raise RootError(
            f"these directories are not of this collection's making and in the way of node roots: {brief(foreign)}; move them away"
        )
    return todo


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

    Roots that exist are never replaced. When one cannot be made, it is gone again before C(RootError) is raised, and
    those made before it stay.
    """
    for name in todo.mount:
        _mount(layout, records[name])
    spoiled = []
    for name, paths in todo.update.items():
        try:
            _update(layout, records[name], wanted[name], settings, paths)
        except OSError as error:  # such as a link that the node laid: its own loss, not the others'
            spoiled.append(f"{name} ({error})")
    if todo.create and strategy == "auto":
        strategy = cheapest(layout)
    numbers = _free_numbers(records)
    try:
        for name in todo.create:
            records[name] = _create(layout, wanted[name], settings, strategy, records.pop(name, None), numbers)
    finally:
        write_fstab(layout, records)
    if spoiled:
        raise RootError(f"these roots could not be updated, all others are up to date: {brief(spoiled)}")


def predict(layout: Layout, todo: Plan, records: dict[str, Record], wanted: Mapping[str, Wanted]) -> None:
    """Bring C(records) to what L(apply) would make of them, and touch nothing else."""
    numbers = _free_numbers(records)
    for name in todo.create:
        record = records.get(name)
        records[name] = _new_record(layout, wanted[name], "auto", record.export_id if record else next(numbers))
        records[name].state = "ready"


def _new_record(layout: Layout, want: Wanted, strategy: str, number: int) -> Record:
    node = want.identity
    return Record(node.name, node.ip, want.image, want.generation, strategy, os.path.join(layout.exports, node.name), number)


def _free_numbers(records: Mapping[str, Record]) -> Iterator[int]:
    """Export ids that no root has: part of every file handle, hence kept for the life of a root."""
    taken = {record.export_id for record in records.values()}
    return (number for number in range(1, SHARED_IDS) if number not in taken)


def cheapest(layout: Layout) -> str:
    """C(overlay) where the file system of the roots can carry one for NFS, else C(copy)."""
    os.makedirs(layout.roots, mode=0o711, exist_ok=True)
    scratch = os.path.join(layout.roots, ".probe")
    delete([scratch])  # of a run that was killed
    os.mkdir(scratch)
    try:
        lower, upper, work, merged = (os.path.join(scratch, name) for name in ("lower", "upper", "work", "merged"))
        for path in (lower, upper, work, merged):
            os.mkdir(path)
        options = f"lowerdir={lower},upperdir={upper},workdir={work},index=on,nfs_export=on"
        # In a mount namespace of its own, so that nothing has to be unmounted.
        trial = ["unshare", "--mount", "--propagation", "private", "mount", "-t", "overlay", "overlay", "-o", options, merged]
        done = subprocess.run(trial, capture_output=True, check=False)
    finally:
        delete([scratch])
    return "overlay" if done.returncode == 0 else "copy"


def _create(
    layout: Layout, want: Wanted, settings: _personal.Settings, strategy: str, leftover: Record | None, numbers: Iterator[int]
) -> Record:
    name = want.identity.name
    if leftover:
        _discard(layout, leftover)
    number = leftover.export_id if leftover else next(numbers)
    record = _new_record(layout, want, strategy, number)
    os.makedirs(layout.home(name), mode=0o700, exist_ok=True)
    try:
        save(layout, record)
        os.makedirs(record.path, mode=0o755, exist_ok=True)
        STRATEGIES[strategy](layout, record)
        with Tree(record.path) as tree:
            entries = _personal.entries(want.identity, settings)
            for path, entry in entries.items():
                tree.put(path, entry)
            _put_accounts(tree, settings)
            record.host_key = _put_host_key(tree, name)
        record.entries, record.accounts, record.state = _digests(entries), _accounts_digest(settings), "ready"
        save(layout, record)
    except (OSError, RootError) as error:
        with contextlib.suppress(RootError):
            _discard(layout, record)
        raise RootError(f"the root of {name} could not be made and is gone again, the others are untouched: {error}") from error
    return record


def _overlay(layout: Layout, record: Record) -> None:
    for name in ("upper", "work"):
        os.makedirs(os.path.join(layout.home(record.node), name), mode=0o755, exist_ok=True)
    _mount(layout, record)


def _copy(layout: Layout, record: Record) -> None:
    _room_for(layout, record)
    run("cp", "--archive", "--reflink=auto", "--one-file-system", f"{layout.lower(record)}/.", record.path)


#: How to clone an image generation into a new root.
STRATEGIES: dict[str, Callable[[Layout, Record], None]] = {"overlay": _overlay, "copy": _copy}


def _room_for(layout: Layout, record: Record) -> None:
    with open(os.path.join(layout.images, record.image, record.generation, "manifest.json"), encoding="utf-8") as stream:
        manifest = json.load(stream)
    room = os.statvfs(layout.exports)
    free = room.f_bavail * room.f_frsize
    if free < manifest["bytes"]:
        raise RootError(f"{layout.exports} has {free >> 20} MiB left, a copy of {record.image} takes {manifest['bytes'] >> 20}")
    if room.f_files and room.f_favail < manifest["inodes"]:
        raise RootError(f"{layout.exports} has {room.f_favail} inodes left, a copy of {record.image} takes {manifest['inodes']}")


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


def _mount(layout: Layout, record: Record) -> None:
    os.makedirs(record.path, mode=0o755, exist_ok=True)
    run("mount", "-t", "overlay", "overlay", "-o", layout.options(record), record.path)


def write_fstab(layout: Layout, records: Mapping[str, Record]) -> None:
    """The table from which the master mounts the ready overlays when it starts (fstab(5))."""
    ready = (record for _name, record in sorted(records.items()) if record.state == "ready" and record.strategy == "overlay")
    text = "".join(f"overlay {record.path} overlay {layout.options(record)} 0 0\n" for record in ready)
    os.makedirs(os.path.dirname(layout.fstab), mode=0o755, exist_ok=True)
    with contextlib.suppress(FileNotFoundError), open(layout.fstab, encoding="utf-8") as stream:
        if stream.read() == text:
            return
    with open(layout.fstab + ".new", "w", encoding="utf-8") as stream:
        stream.write(text)
    os.rename(layout.fstab + ".new", layout.fstab)


def _discard(layout: Layout, record: Record) -> None:
    """Remove what a failed or killed creation left; such a root was never exported."""
    if record.path in mounts():
        run("umount", record.path)
    delete([record.path, layout.home(record.node)])
