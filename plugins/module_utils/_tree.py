# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Reads and writes in a directory tree that somebody else writes to: never through a link, never what is no regular file."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from ._personal import Entry

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextlib.contextmanager
def _directory(name: str, parent: int) -> Iterator[int]:
    descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


#: Bytes that are read of a file. No node needs accounts that take more, and one may have laid terabytes of nothing.
LIMIT = 1 << 20


class Tree:
    """Reads and writes below a directory without ever following a symbolic link out of it, or at all."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> Tree:
        self._root = os.open(self._path, _DIRECTORY)
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._root)

    def read(self, path: str) -> str:
        """The text of a regular file, which L(LIMIT) bounds."""
        with self._parent(path) as (parent, name):
            # Opening anything else could block, or do something: the node may have put a pipe or a device there.
            found = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=parent)
            try:
                status = os.fstat(found)
                if not stat.S_ISREG(status.st_mode):
                    raise OSError(errno.EINVAL, "is not a regular file", path)
                with open(f"/proc/self/fd/{found}", "rb") as stream:
                    content = stream.read(LIMIT + 1)  # it may grow meanwhile
                if len(content) > LIMIT:
                    raise OSError(errno.EFBIG, f"has {status.st_size} bytes; expected at most {LIMIT}", path)
                return content.decode("utf-8", "surrogateescape")
            finally:
                os.close(found)

    def owner_and_mode(self, path: str) -> tuple[int, int, int]:
        """Mode, owner and group of a file."""
        with self._parent(path) as (parent, name):
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        return status.st_mode & 0o7777, status.st_uid, status.st_gid

    def put(self, path: str, entry: Entry) -> None:
        """Create or replace what is at a path. Directories that exist are left as they are."""
        with self._parent(path, make=True) as (parent, name):
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
        with contextlib.suppress(FileNotFoundError, IsADirectoryError), self._parent(path) as (parent, name):
            os.unlink(name, dir_fd=parent)

    @contextlib.contextmanager
    def _parent(self, path: str, make: bool = False) -> Iterator[tuple[int, str]]:
        """The directory that has the entry at a path, and the entry's name; with C(make), directories that are missing are made."""
        *directories, name = path.strip("/").split("/")
        descriptor = os.dup(self._root)
        try:
            for depth, directory in enumerate(directories, 1):
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(directory, 0o755, dir_fd=descriptor)
                try:
                    below = os.open(directory, _DIRECTORY, dir_fd=descriptor)
                except (NotADirectoryError, FileNotFoundError) as error:
                    where = "/" + "/".join(directories[:depth])
                    what = "is not a directory; a link is not followed" if isinstance(error, NotADirectoryError) else error.strerror
                    raise OSError(error.errno, what, where) from error
                os.close(descriptor)
                descriptor = below
            yield descriptor, name
        finally:
            os.close(descriptor)
