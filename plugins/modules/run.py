#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: run
short_description: Begin or end a run of the main job on a master
version_added: 1.0.0
description:
  - Takes the next run number of the master, so that a run which was killed, or which a second operator overtook, can do no more harm.
  - Compares the nodes of the inventory with those served so far and refuses a run that would remove surprisingly many.
  - >-
    Nodes are served that an earlier run has remembered, and those that have a root, a state of installation, a configuration or a name on the master.
    So what was remembered may be lost or damaged - then a warning names the file, and the nodes that were found.
extends_documentation_fragment: bootyard.netboot.master
options:
  state:
    description:
      - V(started) begins a run and waits for one that is still at work.
      - V(finished) ends the run O(run) and remembers O(nodes) as the nodes that are served.
    type: str
    choices: [started, finished]
    default: started
  nodes:
    description: Names of all nodes that the inventory wants served.
    type: list
    elements: str
    required: true
  master:
    description: Name of the master in the inventory, which is no node, though it is among the names.
    type: str
    default: ''
  remove:
    description:
      - Nodes that shall leave, however many they are, with commas between them or as a list.
      - An unknown name is refused, and so is a node in O(nodes), which the next run would make anew.
    type: list
    elements: str
    default: []
  allow_removal:
    description: Nodes that may leave however many they are.
    type: list
    elements: str
    default: []
  max_removals:
    description: Per cent of the served nodes that may leave the inventory in one run. One always may, all never.
    type: int
    default: 10
  partial:
    description: Whether the run is about some nodes only. Such a run is refused when nodes left the inventory, since it removes nothing.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for another run.
    type: int
    default: 60
  roots:
    description: Directory of the records of the nodes' roots.
    type: path
    default: /srv/netboot/roots
  installs:
    description: Directory of the states of installations, from M(bootyard.netboot.install_states).
    type: path
    default: /srv/installs
  configs:
    description: Directory of the nodes' configurations, from M(bootyard.netboot.cloud_files).
    type: path
    default: /srv/cloud
  names:
    description: Hosts file with the names of the nodes.
    type: path
    default: /srv/nfs/.common/hosts
attributes:
  check_mode:
    description: Checks the removal of nodes but begins no run.
    support: full
"""

EXAMPLES = r"""
- name: Begin a run
  bootyard.netboot.run:
    nodes: [node1, node2]
  register: started

- name: End the run
  bootyard.netboot.run:
    state: finished
    run: "{{ started.run }}"
    nodes: [node1, node2]
"""

RETURN = r"""
run:
  description: The number of the run; not there in check mode.
  returned: success
  type: int
removed:
  description: Served nodes that the inventory no longer has and that this run removes.
  returned: when O(state=started)
  type: list
  elements: str
"""

import functools

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bootyard.netboot.plugins.module_utils import _run, _served


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["started", "finished"], "default": "started"},
            "nodes": {"type": "list", "elements": "str", "required": True},
            "master": {"type": "str", "default": ""},
            "remove": {"type": "list", "elements": "str", "default": []},
            "allow_removal": {"type": "list", "elements": "str", "default": []},
            "max_removals": {"type": "int", "default": 10},
            "partial": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 60},
            "roots": {"type": "path", "default": "/srv/netboot/roots"},
            "installs": {"type": "path", "default": "/srv/installs"},
            "configs": {"type": "path", "default": "/srv/cloud"},
            "names": {"type": "path", "default": "/srv/nfs/.common/hosts"},
            "run": {"type": "int"},
            "state_dir": {"type": "path", "default": "/var/lib/bootyard"},
        },
        required_if=[("state", "finished", ["run"])],
        supports_check_mode=True,
    )
    options = module.params
    directory, nodes = options["state_dir"], options["nodes"]
    wishes = (nodes, options["allow_removal"], options["max_removals"])
    # The bookkeeping of runs is no change to the master: a second run still reports nothing changed.
    try:
        if options["state"] == "finished":
            _run.finish(directory, options["run"], nodes)
            module.exit_json(changed=False, run=options["run"])
        places = _served.Places(directory, options["roots"], options["installs"], options["configs"], options["names"])
        served = functools.partial(_served.nodes, places, options["master"])
        number = {}
        if module.check_mode:
            state, lost = _run.load(directory, served())
            if lost:
                module.warn(lost)
            removed = _run.vanished(state, *wishes, options["partial"], options["remove"])
        else:
            more = (options["timeout"], options["partial"], served, options["remove"])
            number["run"], removed = _run.begin(directory, *wishes, *more, warn=module.warn)
        module.exit_json(changed=False, removed=removed, **number)
    except (_run.RunError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
