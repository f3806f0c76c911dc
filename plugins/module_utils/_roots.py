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
import errno
import hashlib
import json
import os
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field

from . import _personal
from ._image import ImageError, remove_tree
from ._nfs import SHARED_IDS
from ._run import brief


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
class Wanted:
    """A root as the inventory wants it. C(generation) is the one that a new root is cloned from."""

    identity: _personal.Identity
    image: str
    generation: str


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


# --- records ---------------------------------------------------------------------------------------------------------


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


def mounts() -> dict[str, str]:
    """Mount points of this machine and the type of what is mounted there."""
    with open("/proc/self/mounts", encoding="utf-8") as table:
        return {fields[1].replace("\\040", " "): fields[2] for fields in map(str.split, table)}


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
    _delete([scratch])  # of a run that was killed
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
        _delete([scratch])
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
        with _Tree(record.path) as tree:
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
    _run("cp", "--archive", "--reflink=auto", "--one-file-system", f"{layout.lower(record)}/.", record.path)


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
    with _Tree(record.path) as tree:
        for path in paths:
            if path in entries:
                tree.put(path, entries[path])
            elif path in record.entries:
                tree.drop(path)
        if record.accounts != _accounts_digest(settings):
            _put_accounts(tree, settings)
    record.ip, record.entries, record.accounts = want.identity.ip, _digests(entries), _accounts_digest(settings)
    save(layout, record)


def _put_accounts(tree: _Tree, settings: _personal.Settings) -> None:
    current = {path: tree.read(path) for path in _personal.ACCOUNT_FILES}
    for path, text in _personal.accounts(current, settings).items():
        if text != current[path]:
            tree.put(path, _personal.Entry(text, *tree.owner_and_mode(path)))


def _put_host_key(tree: _Tree, name: str) -> str:
    """Give the root an SSH host key of its own; returns the public half as known_hosts has it."""
    with tempfile.TemporaryDirectory(dir="/run") as scratch:
        path = os.path.join(scratch, "key")
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"root@{name}", "-f", path)
        for suffix, mode in (("", 0o600), (".pub", 0o644)):
            with open(path + suffix, encoding="utf-8") as stream:
                text = stream.read()
            tree.put(f"/etc/ssh/ssh_host_ed25519_key{suffix}", _personal.Entry(text, mode))
    return " ".join(text.split()[:2])


def _mount(layout: Layout, record: Record) -> None:
    os.makedirs(record.path, mode=0o755, exist_ok=True)
    _run("mount", "-t", "overlay", "overlay", "-o", layout.options(record), record.path)


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


# --- leave -----------------------------------------------------------------------------------------------------------


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
        if record.path in mounts():
            _run("umount", record.path)
        del records[name]
        write_fstab(layout, records)
        home = layout.home(name)
        if record.strategy == "copy" and os.path.isdir(record.path):
            _run("mv", "--no-target-directory", record.path, os.path.join(home, "root"))  # another file system, perhaps
        elif os.path.isdir(record.path):
            os.rmdir(record.path)
        os.makedirs(layout.archive, mode=0o700, exist_ok=True)
        grave = os.path.join(layout.archive, f"{name}.{int(time.time())}")
        os.rename(home, grave)
        if purge:
            _delete([grave])


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


def _discard(layout: Layout, record: Record) -> None:
    """Remove what a failed or killed creation left; such a root was never exported."""
    if record.path in mounts():
        _run("umount", record.path)
    _delete([record.path, layout.home(record.node)])


# --- a tree that somebody else writes to ------------------------------------------------------------------------------


_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextlib.contextmanager
def _directory(name: str, parent: int) -> Iterator[int]:
    descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class _Tree:
    """Reads and writes below a directory without ever following a symbolic link out of it, or at all."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> _Tree:
        self._root = os.open(self._path, _DIRECTORY)
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._root)

    def read(self, path: str) -> str:
        """The text of a regular file."""
        with self._parent(path) as (parent, name):
            # Opening anything else could block, or do something: the node may have put a pipe or a device there.
            found = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=parent)
            try:
                if not stat.S_ISREG(os.fstat(found).st_mode):
                    raise OSError(errno.EINVAL, "is no regular file", path)
                with open(f"/proc/self/fd/{found}", encoding="utf-8", errors="surrogateescape", newline="") as stream:
                    return stream.read()
            finally:
                os.close(found)

    def owner_and_mode(self, path: str) -> tuple[int, int, int]:
        """Mode, owner and group of a file."""
        with self._parent(path) as (parent, name):
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        return status.st_mode & 0o7777, status.st_uid, status.st_gid

    def put(self, path: str, entry: _personal.Entry) -> None:
        """Create or replace what is at a path. Directories that exist are left as they are."""
        with self._parent(path) as (parent, name):
            if entry.content is None and entry.link is None:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=parent)
                    with _directory(name, parent) as made:
                        os.fchown(made, entry.owner, entry.group)
                        os.fchmod(made, entry.mode)
                return
            new = f".{name}.bootyard"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(new, dir_fd=parent)
            if entry.link is not None:
                os.symlink(entry.link, new, dir_fd=parent)
            else:
                descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=parent)
                with open(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
                    stream.write(entry.content)
                    os.fchown(descriptor, entry.owner, entry.group)
                    os.fchmod(descriptor, entry.mode)
            os.rename(new, name, src_dir_fd=parent, dst_dir_fd=parent)

    def drop(self, path: str) -> None:
        """Remove a file that is no longer wanted, such as a former user's keys; a directory may hold what is not ours and stays."""
        with self._parent(path) as (parent, name), contextlib.suppress(FileNotFoundError, IsADirectoryError):
            os.unlink(name, dir_fd=parent)

    @contextlib.contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        *directories, name = path.strip("/").split("/")
        descriptor = os.dup(self._root)
        try:
            for directory in directories:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(directory, 0o755, dir_fd=descriptor)
                below = os.open(directory, _DIRECTORY, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor, name
        finally:
            os.close(descriptor)


def _run(*command: str) -> None:
    """Run a command that dies with this process, so that nothing of a killed run goes on writing."""
    done = subprocess.run(["setpriv", "--pdeathsig", "KILL", *command], check=False, capture_output=True, text=True)
    if done.returncode:
        raise RootError(f"{command[0]} failed: {done.stderr.strip()}")


def remove_expired(paths: Iterable[str]) -> None:
    """Delete archived roots."""
    _delete(paths)


def _delete(paths: Iterable[str]) -> None:
    try:
        for path in paths:
            remove_tree(path)
    except ImageError as error:
        raise RootError(str(error)) from error
