#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: service_files
short_description: Give a service its files, checked before and probed after
version_added: 1.0.0
description:
  - Writes a whole set of files in one call, however many nodes they are for. Only files whose content differs are touched.
  - New files are staged beside their targets, handed to the service's own checker, swapped in by rename, and taken over by a reload.
  - Then the service is asked what a client would ask. When it does not answer as it should, the previous files are put back and reloaded.
  - Where it refuses single nodes and serves others, the files stay, the nodes are named in RV(refused), and the next call asks again.
  - A change that was interrupted is finished by the next call.
  - Files that an earlier call with the same O(name) wrote and that are no longer wanted are removed. No other file is ever removed.
extends_documentation_fragment: bootyard.netboot.master
options:
  name:
    description: Name of the set, under which the module remembers which files are its own.
    type: str
    required: true
  files:
    description: Content of each file by its absolute path. Missing directories are created.
    type: dict
    required: true
  mode:
    description: Permissions of the files.
    type: str
    default: '0644'
  prune:
    description: Whether to remove files of the set that are no longer in O(files).
    type: bool
    default: true
  secret:
    description:
      - Whether the files hold secrets. What the module returns, and a diff, then says that they change and not how.
      - The system's log never has the content of any file.
    type: bool
    default: false
  check:
    description:
      - Commands that accept or refuse a file, by its path or a shell pattern; C(%s) stands for where the new file waits.
    type: dict
    default: {}
  service:
    description: Systemd unit that reads the files. It is enabled and started if need be.
    type: str
  reload:
    description:
      - How the running service takes over changed files.
      - V(kea) asks Kea through its control socket, V(none) is for files that are read at each request.
    type: str
    choices: [reload, restart, kea, none]
    default: reload
  restart_for:
    description: Files whose change the service only takes over by a restart, such as drop-ins of its unit.
    type: list
    elements: path
    default: []
  replaces:
    description:
      - Services whose place this one takes, each by the O(name) of its own set of files.
      - One that an earlier call set up is stopped before O(service) starts. It is disabled once that answers, and started again if it does not.
    type: dict
    default: {}
  probe:
    description: Questions that the service must answer after a change.
    type: dict
    default: {}
    suboptions:
      dhcp:
        description: DISCOVERs of a BIOS, sent on the master's own interfaces, and the offers that they must bring.
        type: dict
        suboptions:
          questions:
            description: One entry for each machine that asks.
            type: list
            elements: dict
            required: true
            suboptions:
              node:
                description: Name of the machine.
                type: str
                required: true
              interface:
                description: Interface to ask on.
                type: str
                required: true
              mac:
                description: MAC address that asks.
                type: str
                required: true
              address:
                description: Address that must be offered.
                type: str
                required: true
              next_server:
                description: Boot server that must be named, V(0.0.0.0) for none.
                type: str
                required: true
              file:
                description: Boot file that must be named, if any.
                type: str
                required: true
      tftp:
        description: A file that must be readable by TFTP.
        type: dict
        suboptions:
          address:
            description: Address of the server.
            type: str
            required: true
          path:
            description: Path of the file as a client asks for it.
            type: str
            required: true
      nfs:
        description: A server that must list its exports, as C(showmount) asks for them.
        type: dict
        suboptions:
          address:
            description: Address of the server.
            type: str
            required: true
          count:
            description: Number of exports.
            type: int
            required: true
      ganesha:
        description: An NFS-Ganesha that must have its exports.
        type: dict
        suboptions:
          count:
            description: Number of exports.
            type: int
            required: true
      http:
        description: A URL that must answer, asked for without a proxy.
        type: dict
        suboptions:
          url:
            description: URL to fetch.
            type: str
            required: true
          body:
            description: Text that must be in the answer.
            type: str
            default: ''
      nftables:
        description: A table of nftables that must be loaded. Where it is not, O(service) loads it again, even though no file changed.
        type: dict
        suboptions:
          table:
            description: Family and name of the table, such as V(ip bootyard).
            type: str
            required: true
          text:
            description: Text that must be in the list of its rules.
            type: str
            required: true
attributes:
  check_mode:
    description: Predicts what a run would change. The checker is not asked, as that takes a file in its place.
    support: full
  diff_mode:
    description: Shows each changed file, up to twenty of them, and of those with O(secret) only that they change.
    support: full
"""

EXAMPLES = r"""
- name: Configure and start Kea
  bootyard.netboot.service_files:
    name: kea
    files:
      /etc/kea/kea-dhcp4.conf: "{{ netboot_fleet | bootyard.netboot.kea_config }}"
    check:
      /etc/kea/kea-dhcp4.conf: [kea-dhcp4, -t, '%s']
    service: kea-dhcp4-server
    reload: kea
    replaces:
      dnsmasq: bootyard-dnsmasq
    probe:
      dhcp:
        questions:
          - node: node1
            interface: eth1
            mac: '52:54:00:12:34:56'
            address: 192.0.2.11
            next_server: 192.0.2.1
            file: /undionly.kpxe
"""

RETURN = r"""
written:
  description: Files that were created or changed, the first fifty.
  returned: success
  type: list
  elements: str
removed:
  description: Files that were removed, the first fifty.
  returned: success
  type: list
  elements: str
activated:
  description: Whether the service was started or took over new files.
  returned: success
  type: bool
refused:
  description: What the service refuses to single nodes while it serves others, and what to do.
  returned: success
  type: list
  elements: str
"""

import fnmatch
import functools
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.warnings import warn
from ansible_collections.bootyard.netboot.plugins.module_utils import _reconcile, _run, _secrets, _services

MOST = 50


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "files": {"type": "dict", "required": True},
            "mode": {"type": "str", "default": "0644"},
            "prune": {"type": "bool", "default": True},
            "secret": {"type": "bool", "default": False},
            "check": {"type": "dict", "default": {}},
            "service": {"type": "str"},
            "reload": {"type": "str", "choices": ["reload", "restart", "kea", "none"], "default": "reload"},
            "restart_for": {"type": "list", "elements": "path", "default": []},
            "replaces": {"type": "dict", "default": {}},
            "probe": {"type": "dict", "default": {}, "options": PROBES},
            "run": {"type": "int"},
            "state_dir": {"type": "path", "default": "/var/lib/bootyard"},
        },
        supports_check_mode=True,
        no_log=True,  # syslog would get all of the files
    )
    shown = {**module.params, "files": _secrets.HIDDEN} if module.params["secret"] else module.params
    called = {"module_args": shown}
    try:
        module.exit_json(invocation=called, **_run.carry_out(module.params, module.check_mode, functools.partial(reconcile, module.params)))
    except (_run.RunError, _reconcile.ReconcileError, _services.ServiceError, OSError) as error:
        module.fail_json(msg=f"{module.params['name']}: {error}", invocation=called)


def _options(**required_or_default):
    return {
        "type": "dict",
        "options": {
            name: {"type": kind, "required": True} if default is None else {"type": kind, "default": default}
            for name, (kind, default) in required_or_default.items()
        },
    }


PROBES = {
    "dhcp": {
        "type": "dict",
        "options": {
            "questions": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    name: {"type": "str", "required": True} for name in ("node", "interface", "mac", "address", "next_server", "file")
                },
            }
        },
    },
    "tftp": _options(address=("str", None), path=("str", None)),
    "nfs": _options(address=("str", None), count=("int", None)),
    "ganesha": _options(count=("int", None)),
    "http": _options(url=("str", None), body=("str", "")),
    "nftables": _options(table=("str", None), text=("str", None)),
}


def reconcile(options, dry):
    """Plan, and unless C(dry) apply; returns the module's result."""
    files, mode, service = options["files"], int(options["mode"], 8), options["service"]
    file_set = _reconcile.FileSet(options["state_dir"], options["name"])
    changes = file_set.plan(files, mode, options["prune"])
    if file_set.lost:
        warn(file_set.lost)
    idle = bool(service) and not _services.is_running(service)
    lost = bool(service) and not idle and _services.is_lost(questions(options))
    former = [unit for name, unit in options["replaces"].items() if is_ours(options["state_dir"], name) and _services.is_there(unit)]
    activated = bool(service) and (bool(changes) or file_set.pending or idle or lost or bool(former))
    refused = []
    if not dry and (changes or activated or file_set.pending):
        # After a run that was killed it is not known what the service has taken over.
        anew = file_set.pending or any(change.path in options["restart_for"] for change in changes)
        how = "restart" if anew and options["reload"] != "none" else options["reload"]
        new = idle or bool(former)
        activation = (lambda: activate(options, how, new, former), lambda: revive(options, how, new, former)) if activated else (None, None)
        kept = files if options["prune"] else {*files, *file_set.ledger.files}
        refused = file_set.apply(changes, mode, checker(files, options["check"]), *activation, kept=kept)
    return {
        "changed": bool(changes) or activated,
        "written": [change.path for change in changes if change.after is not None][:MOST],
        "removed": [change.path for change in changes if change.after is None][:MOST],
        "activated": activated,
        "refused": refused,
        "diff": [_reconcile.shown(change, options["secret"]) for change in changes[:20]],
    }


def questions(options):
    """The probes that are asked for."""
    return {kind: probe for kind, probe in options["probe"].items() if probe}


def is_ours(state_dir, name):
    """Whether a set of files was written by this module, or may have been, its ledger being damaged."""
    file_set = _reconcile.FileSet(state_dir, name)
    return bool(file_set.ledger.files or file_set.lost)


def activate(options, how, new, former):
    """Let the service take over its files, and the place of C(former), and prove that it serves them, but for what it returns."""
    try:
        for unit in former:
            _services.stop(unit)
        _services.activate(options["service"], how)
        refused = _services.probe(questions(options))
    except Exception:
        # Now, as its unit may be among the files that will be taken back.
        if new:
            _services.disable(options["service"])
        raise
    # Until here they were to start with the machine: a killed run leaves one that the next run knows how to go back to.
    for unit in former:
        _services.disable(unit)
    return refused


def revive(options, how, new, former):
    """Let the services go on with their previous files, as far as they ran before."""
    if not new:
        _services.activate(options["service"], how)
    for unit in former:
        _services.activate(unit, "none")


def checker(files, commands):
    """A function that raises when the command for a staged file refuses it, or None without commands."""
    if not commands:
        return None
    by_path = {
        _reconcile.staging(path): command for path in files for pattern, command in commands.items() if fnmatch.fnmatchcase(path, pattern)
    }

    def check(staged):
        command = by_path.get(staged)
        if command:
            done = subprocess.run([staged if word == "%s" else word for word in command], capture_output=True, text=True, check=False)
            if done.returncode:
                raise _services.ServiceError(f"{command[0]} refuses the new configuration: {(done.stderr + done.stdout).strip()[-2000:]}")

    return check


if __name__ == "__main__":
    main()
