"""A master of the tests' own: an image, and node roots made from it on real file systems."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

from ansible_collections.bootyard.netboot.plugins.module_utils import _personal, _records, _retire, _roots

SETTINGS = _personal.Settings(
    password_hash="$6$salt$hash",
    authorized_keys=("ssh-ed25519 AAAAadmin",),
    tmpfs=("/tmp",),
    users=({"name": "mpi", "uid": 9999, "authorized_keys": ("ssh-ed25519 AAAAmpi",)},),
)
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nshadow:x:42:\n",
    "etc/shadow": "root:*:19000:0:99999:7:::\nsshd:!:19000::::::\n",
}


QUOTA = 128 << 20


class Master:
    """Images on one file system, roots and exports on another."""

    def __init__(self, images: Path, data: Path, strategy: str) -> None:
        self.strategy, self.data, self.generation = strategy, data, images / "debian-12/0001-0"
        self.source, self.base = images / "source", self.generation / "root"
        for path, text in {**ACCOUNTS, "etc/ssh/sshd_config": "Port 22\n", "boot/big": "x" * 300_000, "etc/hostname": "base\n"}.items():
            file = self.source / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        for number in range(60):
            (self.source / f"boot/small{number}").touch()
        (self.source / "root").mkdir()
        (self.source / "etc/shadow").chmod(0o640)
        os.chown(self.source / "etc/shadow", 0, 42)
        self.pack()
        self.layout = _records.Layout(
            str(images), f"{data}/roots", f"{data}/archive", f"{data}/nfs", f"{data}/common.ext4", f"{images}/roots.fstab"
        )

    def pack(self, size: int = 400_000) -> None:
        self.generation.mkdir(parents=True, exist_ok=True)
        command = ["mksquashfs", self.source, self.generation / "root.squashfs", "-noappend", "-quiet", "-no-progress"]
        subprocess.run(command, check=True, capture_output=True)
        (self.generation / "manifest.json").write_text(json.dumps({"bytes": size}))

    def wanted(self, *names: str, size: int = QUOTA, **identity) -> dict[str, _roots.Wanted]:
        made = {}
        for name in names:
            ip = f"10.0.33.{10 + int(name[4:])}"
            values = {"hosts": _personal.hosts([("head", "10.0.33.1"), (name, ip)]), **identity}
            node = _personal.Identity(name, ip, ("52:54:00:00:00:01",), "10.0.33.1", **values)
            made[name] = _roots.Wanted(node, "debian-12", "0001-0", size)
        return made

    def plan(self, *names: str, settings=SETTINGS, prune=True, **identity) -> _roots.Plan:
        return _roots.plan(self.layout, *_records.load(self.layout), self.wanted(*names, **identity), settings, prune)

    def run(self, *names: str, settings=SETTINGS, **identity) -> _roots.Plan:
        (records, unreadable), wanted = _records.load(self.layout), self.wanted(*names, **identity)
        todo = _roots.plan(self.layout, records, unreadable, wanted, settings, True)
        _roots.apply(self.layout, todo, records, wanted, settings, self.strategy)
        return todo

    def leave(self, *names: str, purge=False) -> None:
        _retire.leave(self.layout, self.records(), names, purge)

    def records(self) -> dict[str, _records.Record]:
        return _records.load(self.layout)[0]

    def unmount(self, *names: str) -> None:
        """What a power cut does."""
        for name in names:
            for mount in reversed(self.layout.own_mounts(self.records()[name])):
                subprocess.run(["umount", mount.target], check=True)

    def ready(self) -> list[str]:
        return sorted(name for name, record in self.records().items() if record.state == "ready")

    def root(self, name: str) -> Path:
        return self.data / "nfs" / name

    def room(self) -> int:
        return os.statvfs(self.data).f_bfree


def fingerprint(tree: Path) -> dict[str, tuple]:
    """Every entry of a tree: what it is, whose, when it changed and a checksum. Not of image files, which the kernel writes late."""
    found = {}
    for path in sorted(path for path in tree.rglob("*") if path.suffix != ".ext4"):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(status.st_mode) else None
        found[str(path.relative_to(tree))] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, content)
    return found


def texts(tree: Path) -> dict[str, str]:
    return {str(path.relative_to(tree)): path.read_text() for path in tree.rglob("*") if path.is_file() and not path.is_symlink()}


def by_handle(mount: Path, path: Path) -> bytes:
    """What is behind a file's handle (open_by_handle_at(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle, number = ctypes.create_string_buffer(136), ctypes.c_int()
    handle[:4] = (128).to_bytes(4, sys.byteorder)
    assert libc.name_to_handle_at(-100, os.fsencode(path), handle, ctypes.byref(number), 0) == 0, os.strerror(ctypes.get_errno())
    directory = os.open(mount, os.O_RDONLY)
    descriptor = libc.open_by_handle_at(directory, handle, os.O_RDONLY)
    os.close(directory)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    with open(descriptor, "rb") as stream:
        return stream.read()
