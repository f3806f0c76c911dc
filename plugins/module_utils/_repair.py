# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Repair of a root whose node is off: its file system, its ties to the image, and its layout where it is an earlier release's."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from . import _image, _volumes
from ._records import Layout, Record, RootError, delete, save
from ._volumes import run

#: What ties the files of an overlay to inodes of the image below it. Without, they are found by their names, as at first.
_TIES = ("trusted.overlay.origin", "trusted.overlay.impure", "trusted.overlay.nlink")


def repair(layout: Layout, record: Record, size: int) -> None:
    """Make a root usable again without losing what its node wrote, and let it grow to C(size) bytes. It ends unmounted."""
    if not os.path.exists(layout.disk(record.node)):
        _convert(layout, record, size)
    _volumes.detach(layout.own_mounts(record))
    _volumes.repair(layout.disk(record.node), size)
    if record.strategy == "overlay":
        own = layout.own_mounts(record)[0]
        _volumes.attach([own])
        try:
            _untie(os.path.join(own.target, "upper"))
            delete([os.path.join(own.target, "work")])
            os.mkdir(os.path.join(own.target, "work"), 0o755)
        finally:
            _volumes.detach([own])
    record.size = max(record.size, size)
    save(layout, record)


def _convert(layout: Layout, record: Record, size: int) -> None:
    """Move a root of a release in which all roots shared a file system into one of its own."""
    home, disk = layout.home(record.node), layout.disk(record.node)
    data = os.path.join(home, "upper")
    if record.strategy == "copy":  # where it was exported, unless it was in the archive meanwhile
        data = record.path if os.path.isdir(record.path) and os.listdir(record.path) else os.path.join(home, "root")
    if record.strategy == "overlay" and record.path in _volumes.mounted():
        run("umount", record.path)
    if not os.path.isdir(data) or not os.listdir(data):
        raise RootError(f"{disk} is missing, and {data}, where an earlier release had its files, has none; restore {home} from a backup")
    if record.strategy == "overlay" and not os.path.exists(layout.packed(record)):
        _image.pack_root(os.path.join(os.path.dirname(layout.packed(record)), "root"), layout.packed(record))
    staged, own = f"{disk}.converted", os.path.join(home, "disk")
    target = own if record.strategy == "copy" else os.path.join(own, "upper")
    _volumes.detach([_volumes.disk(staged, own)])  # of a repair that was killed
    _volumes.make(staged, size)
    _volumes.attach([_volumes.disk(staged, own)])
    try:
        run("cp", "--archive", "--no-target-directory", data, target)
        if record.strategy == "overlay":
            os.mkdir(os.path.join(own, "work"), 0o755)
        run("sync", "--file-system", own)
    finally:
        _volumes.detach([_volumes.disk(staged, own)])
    os.rename(staged, disk)
    delete([data, *([os.path.join(home, "work")] if record.strategy == "overlay" else [])])
    with suppress(FileNotFoundError):
        os.rmdir(record.path)


def _untie(tree: str) -> None:
    """Remove the ties from every entry of a tree, however deep its node made it."""
    here = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    _remove_ties(f"/proc/self/fd/{here}", follow=True)
    pending = [os.listdir(here)]
    try:
        while pending:
            if pending[-1]:
                name = pending[-1].pop()
                _remove_ties(f"/proc/self/fd/{here}/{name}", follow=False)
                if stat.S_ISDIR(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
                    here = _step(here, name)
                    pending.append(os.listdir(here))
            else:
                pending.pop()
                here = _step(here, "..") if pending else here
    finally:
        os.close(here)


def _step(here: int, name: str) -> int:
    there = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
    os.close(here)
    return there


def _remove_ties(path: str, follow: bool) -> None:
    for name in set(os.listxattr(path, follow_symlinks=follow)) & set(_TIES):
        os.removexattr(path, name, follow_symlinks=follow)
