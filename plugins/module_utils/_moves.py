# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Roots whose nodes change in the inventory: another name, another way of booting.

A root of a node that boots otherwise now is C(kept): it is not exported and not mounted when the master starts, and it is served again when the
node boots from a root again. It never leaves by itself while its node is in the inventory.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace

from ._archive import archives, record_file
from ._records import Layout, Record, RootError, save, write_fstab
from ._run import brief
from ._statefile import StateFileError, read_as, write_json
from ._trees import unmount_below

#: The state of a record whose root waits for its node to boot from it again.
KEPT = "kept"


# --- another way of booting ------------------------------------------------------------------------------------------


def settle(layout: Layout, records: Mapping[str, Record], wanted: Collection[str], idle: Collection[str], dry: bool) -> dict[str, str]:
    """Keep the roots of the nodes in C(idle), which boot otherwise, and serve those in C(wanted) again; what changed, by node."""
    changes = {}
    for name, record in records.items():
        if name in idle and record.state == "ready":
            record.state, changes[name] = KEPT, "kept, and not served any more"
        elif name in wanted and record.state == KEPT:
            record.state, changes[name] = "ready", "served again"
        else:
            continue
        if not dry:
            save(layout, record)
    if changes and not dry:
        write_fstab(layout, records)
    return changes


# --- another name ----------------------------------------------------------------------------------------------------


def due(layout: Layout, renames: Mapping[str, str]) -> dict[str, str]:
    """Of the C(renames), new names to old ones, those that have something to move.

    Raises L(RootError) where the new name has a root already, and nothing was moved then.
    """
    found, taken = {}, []
    for new, old in renames.items():
        record = _record(layout, new, old)
        if record and os.path.lexists(layout.home(new)):
            taken.append(f"{new} ({old})")
        elif record or _archives(layout, new, old):
            found[new] = old
    if taken:
        raise RootError(
            f"these nodes have a root, and shall have that of their former name (in brackets): {brief(taken)}. Nothing was changed. "
            "Take netboot_renamed_from away, or remove the node first, run, and add it again"
        )
    return found


def rename(layout: Layout, records: dict[str, Record], renames: Mapping[str, str], dry: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Give roots and archives the new names of their nodes, which nothing exports meanwhile.

    Returns what L(due) says, less what failed, and why that failed by the new name. Each step leaves what the next call recognises, so it can
    be killed anywhere.
    """
    moves, faults = due(layout, renames), {}
    for new, old in moves.items():
        record = _record(layout, new, old)
        try:
            if not dry:
                _move(layout, new, old, record)
        except OSError as error:
            faults[new] = f"the root of {old} is not its own yet: {error}; run again"
            continue
        records.pop(old, None)
        if record:
            records[new] = _named(layout, record, new)
    if moves and not dry:
        write_fstab(layout, records)
    return {new: old for new, old in moves.items() if new not in faults}, faults


def _named(layout: Layout, record: Record, name: str) -> Record:
    return replace(record, node=name, path=os.path.join(layout.exports, name))


def _move(layout: Layout, new: str, old: str, record: Record | None) -> None:
    if record:
        former, after = os.path.join(layout.exports, old), _named(layout, record, new)
        for path in (former, layout.home(old)):
            unmount_below(path)
        if os.path.isdir(former):
            if record.strategy == "copy" and os.listdir(former):  # of the former layout
                os.rename(former, after.path)
            else:
                os.rmdir(former)
        write_json(record_file(layout.home(old)), asdict(after))
        os.rename(layout.home(old), layout.home(new))
    for path, archived in _archives(layout, new, old):
        write_json(record_file(path), asdict(replace(_named(layout, archived, new), archived_as=_renamed(path, new))))
        os.rename(path, os.path.join(layout.archive, _renamed(path, new)))


def _record(layout: Layout, new: str, old: str) -> Record | None:
    """The record in the old name's directory; a call that was killed may have put the new name into it."""
    try:
        record = read_as(Record, record_file(layout.home(old)))
    except StateFileError as error:
        raise RootError(f"{new} cannot take over the root of {old}: {error}") from error
    return record if record and record.node in (new, old) else None


def _archives(layout: Layout, new: str, old: str) -> list[tuple[str, Record]]:
    """The archives under the old name that are ours, or were to have the new name already."""
    found = ((item.path, item.name, item.record) for item in archives(layout) if item.record and item.name.startswith(f"{old}."))
    return [(path, record) for path, name, record in found if record and record.archived_as in (name, _renamed(path, new))]


def _renamed(path: str, new: str) -> str:
    return f"{new}.{os.path.basename(path).rpartition('.')[2]}"


def remember_cards(layout: Layout, records: Mapping[str, Record], cards: Mapping[str, Iterable[str]]) -> None:
    """Write down of which machine each root is, so that the machine is known under another name."""
    for name, macs in cards.items():
        record = records.get(name)
        if record and record.state == "ready" and set(record.macs) != set(macs):
            record.macs = tuple(macs)
            save(layout, record)
