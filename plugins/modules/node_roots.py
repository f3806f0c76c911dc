#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: node_roots
short_description: Give every node a root of its own
version_added: 1.0.0
description:
  - Clones a base image for each node that has no root yet and makes the clone its own (name, keys, accounts, mounts).
  - A root that exists is never replaced. Only what the inventory changed since is written into it; what the node changed stays.
  - Takes all nodes in one call. Roots of nodes that are gone leave in a second call with O(state=absent), after nothing refers to them any more.
requirements:
  - ssh-keygen
extends_documentation_fragment: bootyard.netboot.master
options:
  nodes:
    description: The nodes that are to have a root, as P(bootyard.netboot.root_nodes#filter) returns them. Required with O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description: Host name.
        type: str
        required: true
      ip:
        description: Address of the node.
        type: str
        required: true
      macs:
        description: MAC addresses of the node's cards.
        type: list
        elements: str
        required: true
      image:
        description: Image that a new root is cloned from.
        type: str
        required: true
      master:
        description: Name of the master.
        type: str
        required: true
      server:
        description: Address of the master on the node's network.
        type: str
        required: true
      quota:
        description: Most bytes that a new root may hold.
        type: int
        required: true
      domain:
        description: Domain of the network.
        type: str
      dns:
        description: Name servers of the network.
        type: list
        elements: str
        default: []
      ntp:
        description: Time servers of the network.
        type: list
        elements: str
        default: []
  generations:
    description: Generation of each image that new roots are cloned from, as M(bootyard.netboot.root_image) returns them. Required with O(state=present).
    type: dict
  keep:
    description: Names of the nodes whose roots stay. Required with O(state=absent).
    type: list
    elements: str
  renamed:
    description: Former names of nodes by their new ones. A node takes over the root and the archives of its former name, which nothing may export meanwhile.
    type: dict
    default: {}
  idle:
    description: Names of nodes that are served and boot from no root here. A root that one of them has is kept, and not served until it boots from it again.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(present) makes and mends roots.
      - V(absent) takes the roots of nodes that are not in O(keep) out of service, and does nothing else.
        It fails when one of them is in use; in check mode too, which makes it a question to ask before anything is changed.
    type: str
    choices: [present, absent]
    default: present
  prune:
    description: Whether roots of nodes that are not in O(nodes), O(idle) or O(keep) leave.
    type: bool
    default: true
  purge:
    description: Whether the data of leaving roots is deleted instead of archived.
    type: bool
    default: false
  force:
    description: Whether roots leave although their nodes are up. A node loses its root under its feet.
    type: bool
    default: false
  archive_days:
    description:
      - How many days the data of a root is kept after its node left. Only days that this master has seen pass count, whatever its clock says.
    type: int
    default: 30
  strategy:
    description: How to clone; V(auto) takes V(overlay) where the file system can, else V(copy).
    type: str
    choices: [auto, overlay, copy]
    default: auto
  reserve:
    description: MiB that stay free where the roots are. Below it a run warns and makes no root.
    type: int
    default: 0
  password_hash:
    description: Root's password as crypt(5) has it; V(!) locks it.
    type: str
    default: '!'
  authorized_keys:
    description: Public keys that may log in as root.
    type: list
    elements: str
    default: []
  tmpfs:
    description: Directories of a root that are in memory.
    type: list
    elements: str
    default: []
  shared:
    description: Directories of the master that every node mounts.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Directory on the master.
        type: path
        required: true
      mount:
        description: Where nodes mount it; the same path by default.
        type: path
      writable:
        description: Whether nodes may write.
        type: bool
        default: true
      trust_root:
        description: Whether root on a node is root on the directory.
        type: bool
        default: false
  users:
    description: Accounts that every root has.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the account and of its group.
        type: str
        required: true
      uid:
        description: User and group id.
        type: int
        required: true
      shell:
        description: Login shell.
        type: path
        default: /bin/bash
      authorized_keys:
        description: Public keys that may log in.
        type: list
        elements: str
        default: []
      ssh_public_key:
        description: Public key that the account has on the master, which may log in too.
        type: str
  layout:
    description: Directories to use instead of the usual ones; keys are C(images), C(roots), C(archive), C(exports), C(common) and C(fstab).
    type: dict
    default: {}
attributes:
  check_mode:
    description: Says which roots would be made, changed or removed.
    support: full
  diff_mode:
    description: Lists the roots and, for each that changes, the files that would be written. Never shows content.
    support: full
"""

EXAMPLES = r"""
- name: Make the roots
  bootyard.netboot.node_roots:
    nodes: "{{ netboot_fleet | bootyard.netboot.root_nodes }}"
    generations: {debian-12: 0001-5e4f1c22}
    authorized_keys: ["{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"]
"""

RETURN = r"""
roots:
  description: All roots that stay, with what boot loaders and exports need to know of them.
  returned: when O(state=present)
  type: dict
  sample: {node1: {image: debian-12, generation: 0001-5e4f1c22, path: /srv/nfs/node1, export_id: 1, host_key: ssh-ed25519 AAAA}}
created:
  description: Nodes that got a root.
  returned: success
  type: list
  elements: str
updated:
  description: The files that were written into existing roots, by node.
  returned: success
  type: dict
faults:
  description: What could not be done for single nodes and how to repair it, one line each. All other nodes are served.
  returned: when O(state=present)
  type: list
  elements: str
kept:
  description: Nodes in O(idle) that have a root, which waits for them.
  returned: when O(state=present)
  type: list
  elements: str
renamed:
  description: The former names of the nodes that took over a root or archives, by their new names.
  returned: when O(state=present)
  type: dict
removed:
  description: Nodes whose roots left, or will leave in the call with O(state=absent).
  returned: success
  type: list
  elements: str
"""

import functools

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bootyard.netboot.plugins.module_utils import (
    _archive,
    _moves,
    _personal,
    _reconcile,
    _records,
    _retire,
    _roots,
    _run,
    _volumes,
)


def main():
    required = [("state", "present", ["nodes", "generations"]), ("state", "absent", ["keep"])]
    module = AnsibleModule(argument_spec=SPEC, required_if=required, supports_check_mode=True)
    options = module.params
    act = {"present": present, "absent": absent}[options["state"]]
    try:
        module.exit_json(**_run.carry_out(module.params, module.check_mode, functools.partial(act, options)))
    except (_records.RootError, _run.RunError, _volumes.VolumeError, OSError) as error:
        module.fail_json(msg=str(error))


def present(options, dry):
    """Make and repair roots; returns the module's result."""
    layout, settings, idle = _layout(options), _settings(options), set(options["idle"])
    records, unusable = _records.load(layout)
    renamed, unmoved = _moves.rename(layout, records, options["renamed"], dry)
    copies = _records.duplicates(records, _volumes.mounted())
    for name in copies:
        del records[name]
    wanted = {node["name"]: _wanted(node, options["generations"]) for node in options["nodes"]}
    settled = _moves.settle(layout, records, wanted, idle, dry)
    # What a prediction cannot look at, as it has another name yet, is no part of it.
    former = set(options["renamed"].values())
    there = {name: record for name, record in records.items() if name not in idle | former and not (dry and name in renamed)}
    planned = {name: want for name, want in wanted.items() if not (dry and name in renamed)}
    todo = _roots.plan(layout, there, unusable | copies | unmoved, planned, settings, options["prune"])
    if dry:
        _roots.predict(layout, todo, records, wanted)
    else:
        if todo.mount:
            # A server that runs has seen no more than an empty mount point.
            _reconcile.FileSet(options["state_dir"], "nfs").postpone()
        _roots.apply(layout, todo, records, wanted, settings, options["strategy"])
        _moves.remember_cards(layout, records, {node["name"]: node["macs"] for node in options["nodes"]})
    served = set(records) - {*todo.leave, *todo.unmounted, *former}
    return {
        "changed": bool(renamed or settled) or not todo.empty,
        "created": [name for name in todo.create if name not in todo.faults],
        "updated": todo.update,
        "removed": todo.leave,
        "renamed": renamed,
        "kept": sorted(idle & set(records)),
        "faults": [f"{name}: {fault}" for name, fault in sorted(todo.faults.items())],
        "roots": {name: records[name].public() for name in sorted(served) if records[name].state == "ready"},
        "warnings": _warnings(layout, todo),
        "diff": _diff(todo, renamed, settled),
    }


def _warnings(layout, todo):
    found = []
    if (left := _records.free(layout)) < 0:
        found.append(
            f"{layout.roots} has {(left + layout.reserve) >> 20} MiB left, less than the {layout.reserve >> 20} of nfs_root_reserve. When "
            "nothing is left, nodes get input/output errors for what they write. Remove archives or nodes, or give it more room"
        )
    if todo.small:
        found.append(
            f"these roots are smaller than their netboot_quota: {_run.brief(todo.small)}. Switch the nodes off and run playbooks/roots.yml "
            "-e action=repair -e node=NAME, which lets a root grow"
        )
    return found


def absent(options, dry):
    """Take roots out of service and forget archives that are old enough; returns the module's result."""
    layout = _layout(options)
    (records, _unreadable), clock = _records.load(layout), _archive.look(layout)
    gone = sorted(set(records) - set(options["keep"])) if options["prune"] else []
    old = _archive.expired(layout, options["archive_days"], clock)
    _refuse_shared(layout, options["shared"])
    _refuse_busy(options, [records[name] for name in gone])
    if not dry:
        if _archive.archives(layout):  # how time passes is no change to the master
            _archive.tick(layout)
        try:
            _retire.leave(layout, records, gone, options["purge"])
        finally:
            _archive.remove(old)
    return {
        "changed": bool(gone or old),
        "created": [],
        "updated": {},
        "removed": gone,
        "diff": {"before": _lines(gone + old), "after": ""},
    }


def _refuse_shared(layout, shared):
    ours = [layout.images, layout.roots, layout.archive, layout.exports]
    faults = _volumes.shared_faults([share["path"] for share in shared], ours)
    if faults:
        raise _records.RootError(
            " ".join(f"nfs_root_shared: {path} {fault}." for path, fault in faults.items())
            + " A machine that mounts one directory can reach all of its file system. Give each a file system of its own, such as a disk, "
            "a logical volume, or an image file: truncate -s 20G /srv/shared.ext4; mkfs.ext4 /srv/shared.ext4; a line in /etc/fstab with "
            "the option loop; mount"
        )


def _refuse_busy(options, records):
    busy = [] if options["force"] else _retire.in_use(records)
    if busy:
        names = _run.brief(f"{record.node} ({record.ip} is up)" for record in busy)
        raise _records.RootError(f"these nodes shall go but still run: {names}. Nothing was changed; switch them off and run again")


def _layout(options):
    return _records.Layout(**{"reserve": options["reserve"] << 20, **options["layout"]})


def _settings(options):
    users = tuple(
        {**user, "authorized_keys": tuple(filter(None, [user.pop("ssh_public_key"), *user["authorized_keys"]]))}
        for user in options["users"]
    )
    shared = tuple({**share, "mount": share["mount"] or share["path"]} for share in options["shared"])
    return _personal.Settings(options["password_hash"], tuple(options["authorized_keys"]), tuple(options["tmpfs"]), shared, users)


def _wanted(node, generations):
    names = [(node["master"], node["server"]), (node["name"], node["ip"])]
    identity = _personal.Identity(
        node["name"],
        node["ip"],
        tuple(node["macs"]),
        node["server"],
        _personal.hosts(names, node["domain"]),
        node["domain"],
        tuple(node["dns"]),
        tuple(node["ntp"]),
    )
    return _roots.Wanted(identity, node["image"], generations[node["image"]], node["quota"])


def _diff(todo, renamed, settled):
    """What changes, one line a root."""
    after = dict.fromkeys(todo.create, "new root") | {name: f"has the root of {old}" for name, old in renamed.items()} | settled
    for name, paths in todo.update.items():
        after[name] = "; ".join(filter(None, [after.get(name), ", ".join(paths) or "new address"]))
    after |= {name: "mounted" for name in todo.mount if name not in after}
    return {"before": "", "after": "".join(f"{name}: {what}\n" for name, what in after.items())}


def _lines(names):
    return "".join(f"{name}\n" for name in names)


def _strings(default=None):
    spec = {"type": "list", "elements": "str"}
    return {**spec, "required": True} if default is None else {**spec, "default": default}


SPEC = {
    "nodes": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "ip": {"type": "str", "required": True},
            "macs": _strings(),
            "image": {"type": "str", "required": True},
            "master": {"type": "str", "required": True},
            "server": {"type": "str", "required": True},
            "domain": {"type": "str"},
            "quota": {"type": "int", "required": True},
            "dns": _strings([]),
            "ntp": _strings([]),
        },
    },
    "generations": {"type": "dict"},
    "keep": {"type": "list", "elements": "str"},
    "renamed": {"type": "dict", "default": {}},
    "idle": _strings([]),
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "prune": {"type": "bool", "default": True},
    "purge": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
    "archive_days": {"type": "int", "default": 30},
    "strategy": {"type": "str", "choices": ["auto", "overlay", "copy"], "default": "auto"},
    "reserve": {"type": "int", "default": 0},
    "password_hash": {"type": "str", "default": "!", "no_log": True},
    "authorized_keys": {**_strings([]), "no_log": False},
    "tmpfs": _strings([]),
    "shared": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "mount": {"type": "path"},
            "writable": {"type": "bool", "default": True},
            "trust_root": {"type": "bool", "default": False},
        },
    },
    "users": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "uid": {"type": "int", "required": True},
            "shell": {"type": "path", "default": "/bin/bash"},
            "authorized_keys": {**_strings([]), "no_log": False},
            "ssh_public_key": {"type": "str", "no_log": False},
        },
    },
    "layout": {"type": "dict", "default": {}},
    "run": {"type": "int"},
    "state_dir": {"type": "path", "default": "/var/lib/bootyard"},
}


if __name__ == "__main__":
    main()
