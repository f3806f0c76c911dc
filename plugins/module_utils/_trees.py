# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Whole directory trees of ours, whatever a node made of them: unmounted, deleted and measured."""

from __future__ import annotations

import itertools
import os
import re
import secrets
import subprocess
from collections.abc import Collection, Iterator

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
#: A space, tab, line feed or backslash in the table of mounts (proc(5)).
_ESCAPE = re.compile(r"\\([0-7]{3})")
#: Entries of a directory that are held in memory at a time.
_BATCH = 10_000


class TreeError(OSError):
    """A tree could not be unmounted or deleted; the message says why."""


def mounts_below(path: str) -> list[str]:
    """Where something is mounted at C(path) or below it, the last mounted first."""
    inside = f"{os.path.realpath(path)}/"
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as table:
        points = [_ESCAPE.sub(lambda digits: chr(int(digits[1], 8)), line.split()[1]) for line in table]
    return [point for point in reversed(points) if f"{point}/".startswith(inside)]


def unmount_below(path: str) -> None:
    """Unmount whatever is mounted at C(path) or below it."""
    for point in mounts_below(path):
        done = subprocess.run(["umount", "--", point], check=False, capture_output=True, text=True)
        if done.returncode:
            raise TreeError(f"umount failed: {done.stderr.strip()}")


def remove_tree(path: str, last: Collection[str] = ()) -> None:
    """Delete a directory, unless something is mounted in it; a link or what is no directory is left alone.

    Neither depth nor width matter: a subdirectory that is met is moved up to the top, under a name of no other, before
    its turn comes. So no path is longer than two names, and memory and descriptors stay few. The files in it that
    C(last) names go when all else is gone.
    """
    if not os.path.isdir(path) or os.path.islink(path):
        return
    if inside := mounts_below(path):
        raise TreeError(f"{path} is not deleted: {inside[0]} is mounted; unmount it and run again")
    top = os.open(path, _DIRECTORY)
    try:
        mount, fresh = _mount_id(top), _names()
        while names := _some(top, last):
            for name, is_directory in names:
                if is_directory:
                    _remove_below(top, name, path, mount, fresh)
                else:
                    os.unlink(name, dir_fd=top)
        for name in last:
            if os.path.lexists(os.path.join(path, name)):
                os.unlink(name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(path)


def _remove_below(top: int, name: str, path: str, mount: str, fresh: Iterator[str]) -> None:
    """Delete the directory C(name) of C(top), after its own subdirectories have become C(top)'s."""
    here = os.open(name, _DIRECTORY, dir_fd=top)
    try:
        if _mount_id(here) != mount:  # mounted since this began
            raise TreeError(f"{path} is not deleted: something is mounted in it; unmount it and run again")
        while names := _some(here):
            for inner, is_directory in names:
                if is_directory:
                    os.rename(inner, next(fresh), src_dir_fd=here, dst_dir_fd=top)
                else:
                    os.unlink(inner, dir_fd=here)
    finally:
        os.close(here)
    os.rmdir(name, dir_fd=top)


def _some(directory: int, without: Collection[str] = ()) -> list[tuple[str, bool]]:
    """The names of some entries, and which of these are directories."""
    with os.scandir(directory) as entries:
        wanted = (entry for entry in entries if entry.name not in without)
        return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in itertools.islice(wanted, _BATCH)]


def _names() -> Iterator[str]:
    """Names that nobody could have taken."""
    prefix = secrets.token_hex(16)
    return (f".{prefix}-{number}" for number in itertools.count())


def _mount_id(descriptor: int) -> str:
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as info:
        return next(line for line in info if line.startswith("mnt_id:"))


def size(path: str) -> int:
    """Bytes on the disk of a file or a tree, without what is mounted in it."""
    command = ["setpriv", "--pdeathsig", "KILL", "du", "--one-file-system", "--summarize", "--block-size=1", "--", path]
    done = subprocess.run(command, check=False, capture_output=True, text=True, errors="surrogateescape")
    return int(done.stdout.split()[0]) if done.stdout else 0
