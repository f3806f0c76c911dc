# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""How far the installation of each node is, and what its next boot does about it.

The state is a few marker files for each node. The node itself writes what it L(REPORTED), through nginx; only an administrator's word writes C(wipe).
A marker names the disk that it is about, and a time. What is not known for certain is never overwritten: what is L(ALLOWING) that is kept in
memory, so that no backup brings it back, counts for one disk, and only for a while.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ._fleet import Fleet, Node

#: What a node says of itself.
REPORTED = ("installing", "installed", "refused")
#: All that a node may ask.
MARKERS = (*REPORTED, "wipe")
#: What lets a disk be overwritten, and for how many seconds.
ALLOWING = ("wipe", "installing")
LIFE = 72 * 3600
#: Where that is kept, a directory for each node.
MEMORY = "/run/bootyard-install"
#: The states, and what follows from each at the next boot. The first one whose marker is there, and counts, holds.
NEXT = {
    "wipe": "installs itself, and overwrites {disk}",
    "installing": "installs itself again, and overwrites {disk}, since it was not finished",
    "installed": "is installed, and boots its disk",
    "refused": "installs itself only if {disk} is blank, which it was not",
    "unknown": "installs itself only if {disk} is blank",
}
#: In a directory of ours: the cards of the machine that the state is of.
_OWN = ".bootyard"
#: nginx takes no larger one.
_LARGEST = 4096
_DISK = re.compile(r"(?:wwn|serial|path)-[!-~]{1,200} [1-9][0-9]{0,19}")


class InstallError(ValueError):
    """What was asked for cannot be done; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a marker says. C(disk) is what identifies the disk itself, and its size in bytes; empty where no disk is named."""

    disk: str = ""
    time: int = 0
    note: str = ""

    @classmethod
    def parse(cls, text: str) -> Report:
        """What a node wrote, of which nothing is certain."""
        said = dict(reversed([line.partition(" ")[::2] for line in text.splitlines()]))
        disk, when = said.get("disk", ""), said.get("time", "")
        note = "".join(letter if letter.isprintable() else "?" for letter in said.get("note", ""))
        return cls(disk if _DISK.fullmatch(disk) else "", int(when) if re.fullmatch("[1-9][0-9]{0,11}", when) else 0, note)

    def text(self) -> str:
        """How a marker says it."""
        return f"disk {self.disk}\ntime {self.time}\nnote {self.note}\n"

    def allows(self, now: float) -> bool:
        """Whether it lets its disk be overwritten. The node compares the disk."""
        return bool(self.disk) and 0 <= now - self.time <= LIFE


def state_of(reports: Mapping[str, Report], now: float) -> str:
    """The state that a node's markers mean."""
    return next((state for state in NEXT if state in reports and (state not in ALLOWING or reports[state].allows(now))), "unknown")


def tells(node: Node, state: str, reports: Mapping[str, Report] | None = None) -> str:
    """What the node does at its next boot, of which disk that is said, and why it refused."""
    about, refused = (reports or {}).get(state, Report()), (reports or {}).get("refused", Report())
    disk = f"{node.install_disk} ({about.disk})" if about.disk and state in ALLOWING else node.install_disk
    why = f"; it said: {refused.note}" if refused.note and state not in ALLOWING else ""
    return f"{node.name} {NEXT[state].format(disk=disk)}{why}"


def superseded(reports: Mapping[str, Report], now: float) -> set[str]:
    """The markers that say nothing any more."""
    past = {marker for marker in ALLOWING if marker in reports and not reports[marker].allows(now)}
    if state_of(reports, now) == "installed":
        return past | {marker for marker in ("refused",) if marker in reports and reports[marker].time <= reports["installed"].time}
    return past


def last_disk(reports: Mapping[str, Report]) -> str:
    """The disk that the node's last word is about."""
    return max((report for report in reports.values() if report.disk), key=lambda report: report.time, default=Report()).disk


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
    """One node's markers before and after; None is no directory. C(wish) is the C(wipe) that is written."""

    node: str
    before: frozenset[str] | None
    after: frozenset[str] | None
    wish: Report | None = None


class States:
    """The directories below C(directory), and below C(memory) for what is L(ALLOWING). Only what was made here is ever removed, and only markers in it."""

    def __init__(self, directory: str, memory: str = MEMORY) -> None:
        self.directory, self.memory = directory, memory
        self._former: dict[str, str] = {}

    def rename(self, nodes: Iterable[Node], dry: bool = False) -> dict[str, str]:
        """Give what is known of nodes that have a new name that name; the former names by the new ones. C(dry) only seems to do so."""
        told = {node.name: node.renamed_from for node in nodes if node.renamed_from}
        found = {
            new: old for new, old in told.items() if self._cards(old) is not None and not os.path.lexists(self._home(self.directory, new))
        }
        if dry:
            self._former = found
            return found
        for new, old in found.items():
            os.rename(self._home(self.directory, old), self._home(self.directory, new))
        # What allows to overwrite a disk comes after what keeps from that, should this be killed.
        for new, old in told.items():
            before, after = self._home(self.memory, old), self._home(self.memory, new)
            if os.path.isdir(before) and not os.path.lexists(after):
                os.rename(before, after)
        return found

    def cards(self) -> dict[str, set[str]]:
        """The cards of the machines that something is known of, by the names under which it is."""
        return {name: cards for name in sorted(self._listed()) if (cards := self._cards(name)) is not None}

    def reports(self, node: str) -> dict[str, Report]:
        """The markers that a node has, and what they say."""
        found = {marker: _read(self._marker(node, marker)) for marker in MARKERS}
        return {marker: Report.parse(text) for marker, text in found.items() if text is not None}

    def states(self, nodes: Iterable[Node], now: float | None = None) -> dict[str, str]:
        """The state of each node, by its name."""
        now = time.time() if now is None else now
        return {node.name: state_of(self.reports(node.name), now) for node in nodes}

    def plan(self, nodes: Iterable[Node], wiped: Collection[str] = (), now: float | None = None) -> list[Change]:
        """What has to change so that exactly C(nodes) have directories, those in C(wiped) to be installed anew.

        Raises L(InstallError) with all nodes whose disk is not known.
        """
        now = time.time() if now is None else now
        wanted = {node.name: node for node in nodes}
        changes, strange = [], []
        for name, node in wanted.items():
            known, reports = self._cards(name), self.reports(name)
            # Of another machine than this nothing is known, whatever its name.
            valid = {} if known and not known & set(node.macs) else reports
            after, wish = set(valid) - superseded(valid, now), None
            if name in wiped:
                wish = Report(last_disk(valid), int(now), "playbooks/reinstall.yml")
                if not wish.disk:
                    strange.append(name)
                if "wipe" in after and valid["wipe"].disk == wish.disk:
                    wish = None
                after = (after - {"refused"}) | {"wipe"}
            if wish or after != set(reports) or known != set(node.macs) or not os.path.isdir(self._home(self.memory, name)):
                changes.append(Change(name, frozenset(reports) if known is not None else None, frozenset(after), wish))
        if strange:
            raise InstallError(
                f"Nothing is reinstalled: {', '.join(strange)} never told the master which disk there is. Switch the machine on: "
                "it installs itself if the disk is blank, and else tells which one it is; then this can be repeated"
            )
        gone = sorted(name for name in self._listed() - set(wanted) if self._cards(name) is not None)
        return changes + [Change(name, frozenset(self.reports(name)), None) for name in gone]

    def apply(self, changes: Iterable[Change], nodes: Iterable[Node], group: str) -> None:
        """Make the changes; C(group) is who writes for the nodes."""
        macs = {node.name: node.macs for node in nodes}
        for place in (self.directory, self.memory):
            if not os.path.isdir(place):
                os.makedirs(place)
                os.chmod(place, 0o755)  # nginx has to come through, whatever the umask
        for change in changes:
            homes = (os.path.join(self.memory, change.node), os.path.join(self.directory, change.node))
            # What allows to overwrite a disk goes before what keeps from that, should this be killed.
            for marker in sorted(change.before or (), key=list(NEXT).index):
                if marker not in (change.after or ()):
                    with contextlib.suppress(FileNotFoundError):  # the node itself was faster
                        os.unlink(self._marker(change.node, marker))
            if change.after is None:
                os.unlink(os.path.join(homes[1], _OWN))
                for home in homes:
                    with contextlib.suppress(OSError):  # somebody else has put something there
                        os.rmdir(home)
                continue
            for home in homes:
                os.makedirs(home, exist_ok=True)
                shutil.chown(home, "root", group)
                os.chmod(home, 0o770)
            if change.wish:
                _write(self._marker(change.node, "wipe"), change.wish.text())
            _write(os.path.join(homes[1], _OWN), "".join(f"{mac}\n" for mac in macs[change.node]))

    def _marker(self, node: str, marker: str) -> str:
        return os.path.join(self._home(self.memory if marker in ALLOWING else self.directory, node), marker)

    def _cards(self, node: str) -> set[str] | None:
        text = _read(os.path.join(self._home(self.directory, node), _OWN))
        return None if text is None else set(text.split())

    def _listed(self) -> set[str]:
        try:
            return set(os.listdir(self.directory)) - set(self._former.values())
        except FileNotFoundError:
            return set()

    def _home(self, place: str, node: str) -> str:
        return os.path.join(place, self._former.get(node, node))


def as_lines(states: Mapping[str, str]) -> str:
    """States for a diff."""
    return "".join(f"{name}: {state}\n" for name, state in sorted(states.items()))


def _read(path: str) -> str | None:
    """What a file says that a node may have written, or None; no more of it than a marker has. A link or a directory says nothing."""
    try:
        # A pipe would never say anything.
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
            return stream.read(_LARGEST).decode(errors="replace")
    except OSError:
        return None


def _write(path: str, text: str) -> None:
    # nginx can write beside it, and shall not choose what root writes to.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{path}.new")
    with open(os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(f"{path}.new", path)
