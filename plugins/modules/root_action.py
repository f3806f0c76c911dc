#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: root_action
short_description: List, restore and archive the roots of nodes
version_added: 1.0.0
description:
  - What an operator does with roots beside the runs that keep them.
extends_documentation_fragment: bootyard.netboot.master
options:
  action:
    description:
      - V(list) changes nothing.
      - V(restore) makes an archive the root of its node again, with an export id that no root has. The next run mounts and exports it.
      - V(archive) moves a root that its node does not boot from any more to the archive.
      - >-
        V(repair) checks and repairs the file system of a root, finds the image's files by their names again, gives a root of an earlier release a file
        system of its own, and lets a root grow to its quota. Nothing may export it meanwhile. The next run mounts and exports it.
    type: str
    choices: [list, restore, archive, repair]
    default: list
  node:
    description: The node that it is about. Required with O(action=restore) and O(action=archive); O(action=repair) repairs all roots without.
    type: str
  archive:
    description: The name of the archive, such as V(node1.1764256567); the newest one of the node by default.
    type: str
    default: ''
  nodes:
    description: Names of the nodes that boot from a root here. Only these can get one back, and only others can have theirs archived.
    type: list
    elements: str
    default: []
  quotas:
    description: Most bytes that the root of each node may hold, by its name; for O(action=repair).
    type: dict
    default: {}
  archive_days:
    description: How many days archives are kept; for the list alone.
    type: int
    default: 30
  force:
    description: Whether a root is archived or repaired although its node is up.
    type: bool
    default: false
  layout:
    description: Directories to use instead of the usual ones; see M(bootyard.netboot.node_roots).
    type: dict
    default: {}
attributes:
  check_mode:
    description: Says what would be done, or why it would be refused.
    support: full
  diff_mode:
    description: Shows which directory would be moved where.
    support: full
"""

EXAMPLES = r"""
- name: Bring back the root that a node had
  bootyard.netboot.root_action:
    action: restore
    node: node1
    nodes: "{{ netboot_fleet.rooted }}"
"""

RETURN = r"""
roots:
  description: The roots, each with its state, image, generation, strategy, export id and bytes on the disk.
  returned: when O(action=list)
  type: list
  elements: dict
archives:
  description:
    - The directories in the archive, each with its name, its bytes on the disk, the node that it is of and its age in days.
    - C(foreign) says why one is not the collection's own, and is never deleted; it is empty where it is.
  returned: when O(action=list)
  type: list
  elements: dict
staying:
  description: The roots that are served and not repaired, as M(bootyard.netboot.node_roots) returns them.
  returned: when O(action=repair)
  type: dict
told:
  description: The same in lines to read, or what was done.
  returned: success
  type: list
  elements: str
"""

import functools
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bootyard.netboot.plugins.module_utils import _archive, _records, _repair, _retire, _run, _trees, _volumes


def main():
    module = AnsibleModule(
        argument_spec={
            "action": {"type": "str", "choices": list(ACTIONS), "default": "list"},
            "node": {"type": "str"},
            "archive": {"type": "str", "default": ""},
            "nodes": {"type": "list", "elements": "str", "default": []},
            "quotas": {"type": "dict", "default": {}},
            "archive_days": {"type": "int", "default": 30},
            "force": {"type": "bool", "default": False},
            "layout": {"type": "dict", "default": {}},
            "run": {"type": "int"},
            "state_dir": {"type": "path", "default": "/var/lib/bootyard"},
        },
        required_if=[("action", action, ["node"]) for action in ("restore", "archive")],
        supports_check_mode=True,
    )
    options = module.params
    act = functools.partial(ACTIONS[options["action"]], options, _records.Layout(**options["layout"]))
    try:
        module.exit_json(**_run.carry_out(options, module.check_mode or options["action"] == "list", act))
    except (_records.RootError, _run.RunError, _volumes.VolumeError, OSError) as error:
        module.fail_json(msg=str(error))


def show(options, layout, dry):
    """What is there; returns the module's result."""
    (records, faults), clock = _records.load(layout), _archive.look(layout)
    roots = [
        {
            "node": name,
            "state": record.state,
            **{key: getattr(record, key) for key in ("image", "generation", "strategy", "export_id")},
            "bytes": _trees.size(layout.home(name)),
        }
        for name, record in sorted(records.items())
    ]
    archives = []
    for item in _archive.archives(layout):
        days = (clock.counted - item.record.archived_at) / _archive.DAY if item.record and not item.foreign else None
        node = item.record.node if item.record else None
        archives.append(
            {"name": item.name, "node": node, "days": days and round(days, 1), "bytes": _trees.size(item.path), "foreign": item.foreign}
        )
    told = [f"{root['node']}: {root['state']}, {root['image']} {root['generation']}, {root['bytes'] >> 20} MiB" for root in roots]
    faults |= _records.duplicates(records, _volumes.mounted())
    told += [f"{name}: {fault}" for name, fault in sorted(faults.items())]
    told += [
        f"{layout.archive}/{item['name']}: {item['bytes'] >> 20} MiB, "
        + (f"kept for ever, as it {item['foreign']}" if item["foreign"] else f"{item['days']} of {options['archive_days']} days old")
        for item in archives
    ]
    return {"changed": False, "roots": roots, "archives": archives, "told": told}


def restore(options, layout, dry):
    """Bring a root back; returns the module's result."""
    node = options["node"]
    if node not in options["nodes"]:
        raise _records.RootError(
            f"{node} is not a node that boots from a root here; put it into the inventory first. There are: {_run.brief(options['nodes']) or 'none'}"
        )
    archive, records = _archive.choose(layout, node, options["archive"]), _records.load(layout)[0]
    _archive.check_restorable(layout, archive)
    if not dry:
        _archive.restore(layout, records, archive)
    return _moved(archive.path, layout.home(node), f"{node} has the root of {archive.path} again; the next run mounts and exports it")


def archive(options, layout, dry):
    """Put a root away that nothing serves; returns the module's result."""
    node, records = options["node"], _records.load(layout)[0]
    if node not in records:
        raise _records.RootError(f"{node} has no root; there are: {_run.brief(records) or 'none'}")
    if node in options["nodes"]:
        raise _records.RootError(f"{node} boots from its root; give it another profile or remove it from the inventory, and run")
    _refuse_up(options, [records[node]])
    if not dry:
        _retire.leave(layout, records, [node], purge=False)
    return _moved(layout.home(node), layout.archive, f"the root of {node} is in {layout.archive}")


def _moved(source, target, told):
    return {"changed": True, "told": [told], "diff": {"before": f"{source}\n", "after": f"{os.path.join(target, '')}\n"}}


def repair(options, layout, dry):
    """Make roots usable again without losing what their nodes wrote; returns the module's result."""
    records, unreadable = _records.load(layout)
    names = [options["node"]] if options["node"] else sorted(records)
    if options["node"] in unreadable:
        raise _records.RootError(f"{options['node']}: {unreadable[options['node']]}")
    if unknown := set(names) - set(records):
        raise _records.RootError(f"{_run.brief(unknown)} has no root; there are: {_run.brief(records) or 'none'}")
    _refuse_up(options, [records[name] for name in names])
    faults = {}
    for name in () if dry else names:
        try:
            _repair.repair(layout, records[name], int(options["quotas"].get(name, 0)))
        except _records.FAULTS as error:
            faults[name] = str(error)
    if faults:
        raise _records.RootError("; ".join(f"{name} is not repaired: {fault}" for name, fault in faults.items()))
    told = [f"{name} is repaired; the next run mounts and exports it" for name in names]
    return {"changed": bool(names), "told": told, "staying": _served(records, set(options["nodes"]) - set(names))}


def _served(records, nodes):
    mounted = _volumes.mounted()
    served = (record for name, record in records.items() if name in nodes and record.state == "ready" and record.path in mounted)
    return {record.node: record.public() for record in served}


def _refuse_up(options, records):
    up = [] if options["force"] else _retire.in_use(records)
    if up:
        names = _run.brief(f"{record.node} ({record.ip})" for record in up)
        raise _records.RootError(f"these nodes are up: {names}; switch them off, or insist: -e nfs_root_force=true")


#: What can be done, and how.
ACTIONS = {"list": show, "restore": restore, "archive": archive, "repair": repair}


if __name__ == "__main__":
    main()
