# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""How far the installation of each node is, and what its next boot does about it.

The state is a few marker files in a directory for each node. The node itself writes what it L(REPORTED), through nginx; only an
administrator's word writes C(wipe). What is not known for certain is never overwritten.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ._fleet import Fleet, Node

#: What a node says of itself.
REPORTED = ("installing", "installed", "refused")
#: All that a node may ask.
MARKERS = (*REPORTED, "wipe")
#: The states, and what follows from each at the next boot. The first one whose marker is there holds.
NEXT = {
    "installed": "is installed, and boots its disk",
    "wipe": "installs itself, and overwrites {disk}",
    "installing": "installs itself again, and overwrites {disk}, since it was not finished",
    "refused": "installs itself only if {disk} is blank, which it was not",
    "unknown": "installs itself only if {disk} is blank",
}
#: In a directory of ours: the cards of the machine that the state is of.
_OWN = ".bootyard"


class InstallError(ValueError):
    """What was asked for cannot be done; nothing was changed."""


def state_of(markers: Collection[str]) -> str:
    """The state that a node's markers mean."""
    return next((state for state in NEXT if state in markers), "unknown")


def may_wipe(state: str) -> bool:
    """Whether what is on the disk may be overwritten."""
    return state in ("wipe", "installing")


def tells(node: Node, state: str) -> str:
    """What the node does at its next boot."""
    return f"{node.name} {NEXT[state].format(disk=node.install_disk)}"


def superseded(markers: Collection[str]) -> set[str]:
    """The markers that say nothing any more."""
    return set(markers) - {"installed"} if "installed" in markers else set()


def to_reinstall(fleet: Fleet, names: Iterable[str]) -> list[Node]:
    """The nodes of those names. Raises L(InstallError) with all names that do not install themselves."""
    names = list(dict.fromkeys(names))
    present, able = {node.name: node for node in fleet.present}, {node.name: node for node in fleet.installs}
    wrong = [
        f"{name} has the profile {present[name].profile}, which installs nothing"
        if name in present
        else f"{name} is no node that is served"
        for name in names
        if name not in able
    ]
    if wrong:
        there = ", ".join(able) or "none"
        raise InstallError(f"Nothing is reinstalled: {'; '.join(wrong)}. The nodes that install themselves: {there}")
    return [able[name] for name in names]


@dataclass(frozen=True)
class Change:
    """One directory's markers before and after; None is no directory."""

    node: str
    before: frozenset[str] | None
    after: frozenset[str] | None


class States:
    """The directories below C(directory). Only those that were made here are ever removed, and only markers in them."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def markers(self, node: str) -> frozenset[str]:
        """The markers that a node has."""
        return frozenset(marker for marker in MARKERS if os.path.isfile(self._path(node, marker)))

    def states(self, nodes: Iterable[Node]) -> dict[str, str]:
        """The state of each node, by its name."""
        return {node.name: state_of(self.markers(node.name)) for node in nodes}

    def plan(self, nodes: Iterable[Node], wiped: Collection[str] = ()) -> list[Change]:
        """What has to change so that exactly C(nodes) have directories, those in C(wiped) to be installed anew."""
        wanted = {node.name: node for node in nodes}
        changes = []
        for name, node in wanted.items():
            known, markers = self._cards(name), self.markers(name)
            # Of another machine than this nothing is known, whatever its name.
            after = frozenset() if known and not known & set(node.macs) else markers - superseded(markers)
            after = (after - {"installed", "refused"}) | {"wipe"} if name in wiped else after
            if after != markers or known != set(node.macs):
                changes.append(Change(name, markers if known is not None else None, after))
        gone = sorted(name for name in self._listed() - set(wanted) if self._cards(name) is not None)
        return changes + [Change(name, self.markers(name), None) for name in gone]

    def apply(self, changes: Iterable[Change], nodes: Iterable[Node], group: str) -> None:
        """Make the changes; C(group) is who writes for the nodes."""
        macs = {node.name: node.macs for node in nodes}
        for change in changes:
            home = self._path(change.node)
            if change.after is not None and not os.path.isdir(home):
                os.mkdir(home, 0o770)
            # What allows to overwrite a disk goes before what keeps from that, should this be killed.
            for marker in sorted((change.before or frozenset()) - (change.after or frozenset()), key=list(NEXT).index, reverse=True):
                os.unlink(self._path(change.node, marker))
            if change.after is None:
                os.unlink(self._path(change.node, _OWN))
                with contextlib.suppress(OSError):  # somebody else has put something there
                    os.rmdir(home)
                continue
            shutil.chown(home, "root", group)
            os.chmod(home, 0o770)
            for marker in change.after - (change.before or frozenset()):
                _write(self._path(change.node, marker), "")
            _write(self._path(change.node, _OWN), "".join(f"{mac}\n" for mac in macs[change.node]))

    def _cards(self, node: str) -> set[str] | None:
        try:
            with open(self._path(node, _OWN), encoding="utf-8") as stream:
                return set(stream.read().split())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _listed(self) -> set[str]:
        try:
            return set(os.listdir(self.directory))
        except FileNotFoundError:
            return set()

    def _path(self, *names: str) -> str:
        return os.path.join(self.directory, *names)


def as_lines(states: Mapping[str, str]) -> str:
    """States for a diff."""
    return "".join(f"{name}: {state}\n" for name, state in sorted(states.items()))


def _write(path: str, text: str) -> None:
    # nginx can write beside it, and shall not choose what root writes to.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{path}.new")
    with open(os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(f"{path}.new", path)
