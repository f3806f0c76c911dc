"""Playbooks refuse names that mean no node before they touch anything, and never take a typo for nobody or for all."""

from __future__ import annotations

import os
import subprocess

import pytest
import yaml
from isolation import NEW_MOUNTS, unshare
from plays import Play, play

INVENTORY = {
    "all": {
        "children": {
            "master": {
                "hosts": {
                    "head": {
                        "ansible_connection": "local",
                        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
                        "netboot_networks": {"lab": {"cidr": "192.0.2.0/24", "address": "192.0.2.1", "interface": "lo"}},
                    }
                }
            },
            "slaves": {
                "hosts": {
                    "node1": {"netboot_mac": "52:54:00:12:34:01", "netboot_ip": "192.0.2.11"},
                    "node2": {"netboot_mac": "52:54:00:12:34:02", "netboot_ip": "192.0.2.12"},
                    "node3": {"netboot_mac": "52:54:00:12:34:03", "netboot_ip": "192.0.2.13", "netboot_state": "absent"},
                }
            },
        }
    }
}


@pytest.fixture
def asked(tmp_path):
    """Runs a playbook for a master that is this machine, with its state in a directory of the test's own: asked(playbook, variables)."""
    hosts = tmp_path / "hosts.yml"
    hosts.write_text(yaml.safe_dump(INVENTORY))
    (tmp_path / "netboot.lock").touch()  # as a power cut leaves it
    for name in ("lib", "srv"):
        (tmp_path / name).mkdir()

    def run(playbook: str, *arguments: str) -> Play:
        report, child = tmp_path / "report", os.fork()
        if not child:
            try:
                unshare(NEW_MOUNTS)
                subprocess.run(["mount", "--bind", tmp_path / "lib", "/var/lib"], check=True)
                subprocess.run(["mount", "--bind", tmp_path / "srv", "/srv"], check=True)
                # Only what is always done: who is meant, and the beginning of the run.
                done = play(playbook, f"--inventory={hosts}", "--tags=never-such-a-tag", *arguments)
                report.write_text(f"{done.code}\n{done.messages}\n{done.output}")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        code, _newline, rest = report.read_text().partition("\n")
        return Play(int(code), rest, (), (rest,), "")

    return run


REFUSED = {
    "remove nobody": (["playbooks/remove.yml"], "No node is named. Expected for example: ansible-playbook playbooks/remove.yml"),
    "remove commas": (["playbooks/remove.yml", "--extra-vars={node: [',', '']}"], "No node is named"),
    "remove a list with typos": (["playbooks/remove.yml", "--extra-vars=node=node3,node33,x"], "node33 is unknown (did you mean node3"),
    "remove a present node as YAML": (["playbooks/remove.yml", "--extra-vars={node: [node1, node2]}"], "still wants node1, node2 served"),
    "an absent typo": (["site.yml", "--extra-vars={netboot_absent: [node22]}"], "is not a node of the inventory; did you mean node2?"),
    "select a typo": (["site.yml", "--extra-vars=netboot_select=node1,node22"], "node22 is unknown (did you mean node2"),
    "select who leaves": (["site.yml", "--extra-vars=netboot_select=node3"], "these nodes have netboot_state: absent"),
    "reinstall a typo": (["playbooks/reinstall.yml", "--extra-vars=node=node1,nod2"], "nod2 is unknown (did you mean node2"),
    "explain a typo": (["playbooks/explain.yml", "--extra-vars=node=nod1"], "nod1 is unknown (did you mean node1"),
    "publish by an empty lock file": (["playbooks/images.yml"], "/netboot.lock is not a valid lock file; expected a JSON object"),
    "switch a typo": (["playbooks/power.yml", "--extra-vars=netboot_select=node1,nod2"], "nod2 is unknown (did you mean node2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_name_that_means_no_node_is_refused(asked, tmp_path, case):
    arguments, message = REFUSED[case]
    # These have no tags.
    more = [] if arguments[0] in ("site.yml", "playbooks/remove.yml") else ["--tags=all"]
    done = asked(*arguments, *more)
    assert done.code != 0, done.output
    assert message in done.output
    assert not list((tmp_path / "lib").rglob("*.json"))


def test_a_damaged_state_is_named_and_what_is_on_the_master_stays(asked, tmp_path):
    state = tmp_path / "lib/bootyard/state.json"
    state.parent.mkdir()
    state.touch()
    for name in ("node1", "node7", "node8", "node9"):
        (tmp_path / "srv/netboot/roots" / name).mkdir(parents=True)
        (tmp_path / "srv/netboot/roots" / name / "root.json").touch()
    done = asked("site.yml")
    said = " ".join(done.output.split())
    assert done.code != 0
    assert "3 of 4 nodes are no longer in the inventory: node7, node8, node9" in said, said
    assert "/var/lib/bootyard/state.json is empty; by what else is on this master it serves 4 nodes: node1, node7, node8, node9" in said
    assert state.parent.stat().st_mode & 0o7777 == 0o700


def test_nodes_are_listed_with_commas_and_as_a_list(asked):
    done = asked("playbooks/explain.yml", "--tags=all", "--extra-vars={node: ['node2, node1']}", "--extra-vars=firmware=bios")
    assert "node1 (52:54:00:12:34:01) as bios" in done.output, done.output
    assert "node2 (52:54:00:12:34:02) as bios" in done.output
