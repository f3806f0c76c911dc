# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""File systems in image files, and mounts: what one machine may mount shares a file system with nothing else.

An NFS file handle names a file by its number in a file system, and a server checks no more than that: whoever may mount
one directory can forge handles for all of its file system (exports(5), no_subtree_check). Overlays are no border
either: their handles contain those of the file systems below them, and the kernel decodes those of any regular file.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

#: What every mount on the master has: a node is root on its root, but neither its programs nor its devices count here.
HARMLESS = ("nosuid", "nodev")

#: What an overlay needs for NFS: file handles that last, and one device number for files from both of its layers.
_EXPORTABLE = ("index=on", "nfs_export=on", "xino=on")


class VolumeError(RuntimeError):
    """A file system could not be made, mounted or released; the message has the command's own words."""


@dataclass(frozen=True)
class Mount:
    """A file system and its place, as mount(8) and fstab(5) name them."""

    source: str
    target: str
    kind: str
    options: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The line of fstab(5)."""
        fields = (self.source, self.target, self.kind, ",".join((*HARMLESS, *self.options, "X-mount.mkdir=0755")))
        return f"{' '.join(_escaped(field) for field in fields)} 0 0\n"


def disk(image: str, target: str) -> Mount:
    """The mount of an image file that L(make) made. What is deleted in it becomes free on the master, too."""
    return Mount(image, target, "ext4", ("loop", "discard"))


def pack(image: str, target: str) -> Mount:
    """The mount of a squashfs."""
    return Mount(image, target, "squashfs", ("loop", "ro"))


def overlay(lower: str, disk_target: str, target: str) -> Mount:
    """An overlay whose own files are in C(disk_target)."""
    options = (f"lowerdir={lower}", f"upperdir={disk_target}/upper", f"workdir={disk_target}/work", *_EXPORTABLE)
    return Mount("overlay", target, "overlay", options)


# --- make ------------------------------------------------------------------------------------------------------------


def make(image: str, size: int) -> None:
    """An empty ext4 of C(size) bytes in a sparse file, which takes room only for what is written to it; whole or not there."""
    new = f"{image}.new"
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.truncate(size)
    # A large journal would be written all over sooner or later.
    run("mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=8", "-E", "lazy_journal_init=1", new)
    os.rename(new, image)


def repair(image: str, size: int) -> None:
    """Check and repair an image file that is not mounted, and let it grow to C(size) bytes; it never shrinks."""
    run("e2fsck", "-f", "-y", image, good=(0, 1))
    if os.path.getsize(image) < size:
        os.truncate(image, size)
        run("resize2fs", image)


# --- mount -----------------------------------------------------------------------------------------------------------


def mounted() -> dict[str, str]:
    """Mount points of this machine and the type of what is mounted there last."""
    with open("/proc/self/mounts", encoding="utf-8") as table:
        return {_unescaped(fields[1]): fields[2] for fields in map(str.split, table)}


def attach(mounts: Iterable[Mount]) -> None:
    """Mount what is not mounted yet, in this order."""
    there = mounted()
    for mount in mounts:
        if mount.target not in there:
            os.makedirs(mount.target, mode=0o755, exist_ok=True)
            run("mount", "-t", mount.kind, "-o", ",".join((*HARMLESS, *mount.options)), mount.source, mount.target)


def detach(mounts: Iterable[Mount]) -> None:
    """Unmount in the reverse order and remove the mount points, which nothing but a mount may fill."""
    for mount in reversed(tuple(mounts)):
        if mount.target in mounted():
            run("umount", mount.target)
        if os.path.isdir(mount.target):
            os.rmdir(mount.target)


def overlays_work() -> bool:
    """Whether this kernel mounts overlays that NFS can export."""
    trial = "mount -t tmpfs tmpfs /mnt && cd /mnt && mkdir lower upper work merged && mount -t overlay overlay"
    trial += f" -o lowerdir=lower,upperdir=upper,workdir=work,{','.join(_EXPORTABLE)} merged"
    # In a mount namespace of its own, so that nothing has to be unmounted.
    spaces = ("unshare", "--mount", "--propagation", "private")
    return subprocess.run([*spaces, "sh", "-euc", trial], capture_output=True, check=False).returncode == 0


def run(*command: str, good: Collection[int] = (0,)) -> None:
    """Run a command to one of its C(good) ends. It dies with this process, so that nothing of a killed run goes on writing."""
    done = subprocess.run(["setpriv", "--pdeathsig", "KILL", *command], check=False, capture_output=True, text=True)
    if done.returncode not in good:
        raise VolumeError(f"{command[0]} failed: {done.stderr.strip()}{_hint(done.stderr)}")


def _hint(said: str) -> str:
    """What an operator may not know who reads mount's words."""
    missing = "failed to setup loop device" in said
    return "; a master in a container needs CAP_MKNOD, the device rules 'b 7:* rwm' and 'c 10:237 rwm', and /dev/loop*" if missing else ""


#: File systems that cannot be shared, and why.
_UNSHARED = {
    "overlay": "is an overlay, whose file handles reach into the file systems below it",
    "tmpfs": "is in memory and has no file handles that last",
}


# --- directories of the operator -------------------------------------------------------------------------------------


def shared_faults(paths: Iterable[str], ours: Iterable[str]) -> dict[str, str]:
    """Why directories must not be exported, by path: those that are not the root of a file system that nothing else uses.

    C(ours) are directories of this collection. Paths are absolute.
    """
    roots = _roots_of_file_systems()
    used = {_device(found): path for path in ("/", *ours) if (found := _nearest(path))}
    found = {}
    for path in paths:
        device = _device(path)
        if device is None:
            found[path] = "is not a directory"
        elif path not in roots:
            found[path] = "is not a mount point with the whole of a file system"
        elif roots[path] in _UNSHARED:
            found[path] = _UNSHARED[roots[path]]
        elif device in used:
            found[path] = f"shares its file system with {used[device]}"
        else:
            used[device] = path
    return found


def _nearest(path: str) -> str:
    """The directory itself, or where it would be made."""
    return path if os.path.isdir(path) else _nearest(os.path.dirname(path))


def _device(path: str) -> int | None:
    """The file system that a directory is on; None where there is none."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev if stat.S_ISDIR(status.st_mode) else None


def _roots_of_file_systems() -> Mapping[str, str]:
    """Where whole file systems are mounted, not parts of them, and their types (proc_pid_mountinfo(5))."""
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        rows = [(line.split(), line.split(" - ")[1].split()) for line in table]
    return {_unescaped(row[4]): tail[0] for row, tail in rows if row[3] == "/"}


def _escaped(field: str) -> str:
    return re.sub(r"[\s\\#]", lambda found: f"\\{ord(found[0]):03o}", field)


def _unescaped(field: str) -> str:
    return re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), field)
