# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Desired content becomes files: compared by content, staged beside their targets, checked, swapped, activated.

A set of files that belong together (one service's configuration, one directory of per-node files) has a ledger in
the state directory. It names the files that this collection wrote, so that nothing else is ever pruned, and it holds
the previous content while a change is under way, so that a change which fails, or is killed, is undone or finished.
A ledger that is lost is made anew: of files that are there, only those are ours that are just as they are desired.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from . import _statefile
from ._secrets import HIDDEN


class ReconcileError(RuntimeError):
    """The desired files were not taken over; the message says why and what is in place now."""


@dataclass(frozen=True)
class Change:
    """One file before and after; None means that it does not exist."""

    path: str
    before: bytes | None
    after: bytes | None
    mode_before: int | None = None


@dataclass
class Ledger:
    """What is known of a set: the digests of its files and, during a change, how to undo it."""

    files: dict[str, str] = field(default_factory=dict)
    undo: dict[str, list] = field(default_factory=dict)
    pending: bool = False


class FileSet:
    """The files of C(name), remembered in C(directory)/files."""

    def __init__(self, directory: str, name: str) -> None:
        self._path = os.path.join(directory, "files", f"{name}.json")
        self._found: dict[str, str] = {}
        #: What is wrong with the ledger, if anything.
        self.lost = ""
        try:
            ledger = _statefile.read_as(Ledger, self._path)
            if ledger and not all(map(_is_undo, ledger.undo.values())):
                raise _statefile.StateFileError(self._path, "is not valid: undo has entries that are not content, mode and owner")
        except _statefile.StateFileError as error:
            ledger = None
            self.lost = f"{error}; it is made anew. Files of the set {name} that are no longer desired are not known any more and stay"
        self.ledger = ledger or Ledger()

    @property
    def pending(self) -> bool:
        """A change was begun and neither confirmed nor undone, or may have been: it must be activated again."""
        return self.ledger.pending or bool(self.lost or self._found) or os.path.exists(self._path + ".new")

    def postpone(self) -> None:
        """Remember that the service has to take over something that is not in its files; the next run of the set activates it."""
        self.ledger = dataclasses.replace(self.ledger, pending=True)
        self._save()

    def plan(self, desired: Mapping[str, str], mode: int, prune: bool) -> list[Change]:
        """What would have to change, sorted by path. Only files in the ledger are ever removed.

        A file that is as desired and not in the ledger is taken for ours: a ledger was lost.
        """
        changes, self._found = [], {}
        for path, text in desired.items():
            content = text.encode()
            before, mode_before = _read(path)
            if before != content or mode_before != mode:
                changes.append(Change(path, before, content, mode_before))
            elif path not in self.ledger.files:
                self._found[path] = _digest(content)
        for path in set(self.ledger.files) - set(desired) if prune else ():
            before, mode_before = _read(path)
            if before is not None:
                changes.append(Change(path, before, None, mode_before))
        return sorted(changes, key=lambda change: change.path)

    def apply(
        self,
        changes: Iterable[Change],
        mode: int,
        check: Callable[[str], None] | None = None,
        activate: Callable[[], list[str] | None] | None = None,
        revive: Callable[[], None] | None = None,
        kept: Iterable[str] = (),
    ) -> list[str]:
        """Make the changes and confirm them.

        C(check) is called with the path of each staged file and C(activate) once after the swap; when one of them
        raises, the previous files are back in place, and C(revive) was called if they had been swapped, before
        C(ReconcileError) is raised. C(kept) are all the paths that stay in the ledger. What C(activate) returns, and this with
        it, is what single nodes still miss: the files stay, and the next call activates them again.
        """
        changes = list(changes)
        staged = [change for change in changes if change.after is not None]
        known = Ledger({**self.ledger.files, **self._found}, self.ledger.undo, self.ledger.pending)
        # A change that is still pending keeps its undo: what it replaced is the last state known to work.
        fresh = {change.path: [_b64(change.before), change.mode_before, change.path in known.files] for change in changes}
        digests = {change.path: _digest(change.after) for change in staged}
        self.ledger = Ledger({**known.files, **digests}, {**fresh, **known.undo}, pending=True)
        try:
            self._save()
            for change in staged:
                os.makedirs(os.path.dirname(change.path), mode=0o755, exist_ok=True)
                _write(staging(change.path), change.after, mode)
                if check:
                    check(staging(change.path))
        except Exception as error:
            self._sweep()
            self.ledger = known
            self._save()
            raise ReconcileError(f"{error}. Nothing was changed.") from error
        directories = {os.path.dirname(change.path) for change in staged}
        # One of each file system is enough, and a fleet may have a directory for each node.
        for directory in {os.stat(directory).st_dev: directory for directory in directories}.values():
            subprocess.run(["sync", "--file-system", directory], check=True)
        for change in changes:
            if change.after is None:
                _remove(change.path)
            else:
                os.rename(staging(change.path), change.path)
        missed: list[str] = []
        if activate:
            try:
                missed = activate() or []
            except Exception as error:
                self._undo(revive, error)
        self._sweep()
        kept = set(kept)
        self.ledger = Ledger({path: digest for path, digest in self.ledger.files.items() if path in kept}, pending=bool(missed))
        self._save()
        return missed

    def _undo(self, revive: Callable[[], None] | None, error: Exception) -> None:
        self._sweep()
        for path, (content, mode, _own) in self.ledger.undo.items():
            if content is None:
                _remove(path)
            else:
                _write(staging(path), base64.b64decode(content), mode)
                os.rename(staging(path), path)
        restored = {
            path: _digest(base64.b64decode(content))
            for path, (content, _mode, own) in self.ledger.undo.items()
            if own and content is not None
        }
        files = {path: digest for path, digest in self.ledger.files.items() if path not in self.ledger.undo}
        self.ledger = Ledger({**files, **restored})
        self._save()
        outcome = "The previous configuration is back."
        try:
            if revive:
                revive()
        except Exception as again:
            outcome = f"The previous configuration is back but fails too: {again}"
        raise ReconcileError(f"{error}. {outcome}") from error

    def _sweep(self) -> None:
        """Remove what this change, or a killed one before it, staged and did not swap in."""
        for path in self.ledger.undo:
            _remove(staging(path))

    def _save(self) -> None:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        if self.lost and os.path.lexists(self._path):
            _statefile.set_aside(self._path)
        _statefile.write_json(self._path, vars(self.ledger))
        self.lost, self._found = "", {}


def shown(change: Change, secret: bool) -> dict[str, str]:
    """One entry of Ansible's diff; of C(secret) files it says that they change and not how."""
    texts = [
        ("" if content is None else HIDDEN + "\n") if secret else (content or b"").decode(errors="replace")
        for content in (change.before, change.after)
    ]
    return {"before": texts[0], "after": texts[1], "before_header": change.path, "after_header": change.path}


def staging(path: str) -> str:
    """Where a file waits until it is swapped in."""
    # One fixed name for each target, so that a killed run leaves nothing that the next one does not overwrite.
    directory, name = os.path.split(path)
    return os.path.join(directory, f".{name}.bootyard")


def _read(path: str) -> tuple[bytes | None, int | None]:
    try:
        with open(path, "rb") as stream:
            return stream.read(), os.fstat(stream.fileno()).st_mode & 0o7777
    except FileNotFoundError:
        return None, None


def _write(path: str, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as stream:
        os.fchmod(descriptor, mode)
        stream.write(content)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _is_undo(entry: list) -> bool:
    return len(entry) == 3 and isinstance(entry[0], str | None) and isinstance(entry[1], int | None)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _b64(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()
