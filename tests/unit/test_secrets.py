"""What a run says, even at its most talkative, has no secret in it, and still says where something is wrong."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml
from ansible_collections.bootyard.netboot.plugins.module_utils import _disks, _fleet, _ignition
from ansible_collections.bootyard.netboot.plugins.plugin_utils import _cloud_templates, _cloud_yaml
from documents import ROOT
from hypothesis import given
from hypothesis import strategies as st
from plays import command, environment

SECRET = "hunter2-hunter2-hunter2"
#: A fleet by itself, whose one node has a link, and what gives nginx its configuration.
PLAY = {
    "hosts": "all",
    "gather_facts": False,
    "vars": {
        "netboot_config_secret": SECRET,
        "cloud_config_directory": "/srv/cloud",
        "cloud_config_installs": "/srv/installs",
        "cloud_config_listen": [],
        "cloud_config_override_from": [],
        "cloud": {"boot": "http", "kernel": "vmlinuz", "config": "nocloud", "kernel_args": ["ds={datasource}"]},
        "head": {
            "netboot_networks": {"lab": {"cidr": "10.0.33.0/24", "address": "10.0.33.1", "interface": "eth1"}},
            "netboot_profiles": {"cloud": "{{ cloud }}"},
            "netboot_config_secret": SECRET,
        },
        "node1": {"netboot_mac": "52:54:00:00:00:01", "netboot_ip": "10.0.33.11", "netboot_profile": "cloud"},
        "netboot_fleet": "{{ {'head': head, 'node1': node1} | bootyard.netboot.fleet(['node1'], 'head') }}",
    },
    "tasks": [
        {"include_role": {"name": "bootyard.netboot.cloud_config", "tasks_from": "serve"}},
        {
            "bootyard.netboot.service_files": {
                "name": "ipxe",
                "files": "{{ netboot_fleet | bootyard.netboot.ipxe_files({}, '/srv/no-such-directory', false, false) }}",
                "secret": True,
            }
        },
        {"name": "Fail", "bootyard.netboot.service_files": {"name": "x", "files": {"/proc/x/y": SECRET}, "secret": True}},
    ],
}


@pytest.fixture
def run(tmp_path):
    """Runs a play on this machine, where it changes nothing, and returns all that it says."""

    def play(*plays: dict) -> str:
        (tmp_path / "play.yml").write_text(yaml.safe_dump([*plays]))
        (tmp_path / "hosts.ini").write_text(f"this ansible_connection=local ansible_python_interpreter={sys.executable}\n")
        words = command("site.yml", f"--inventory={tmp_path / 'hosts.ini'}", "--check", "--diff", "-vvv", str(tmp_path / "play.yml"))
        words.remove(str(ROOT / "site.yml"))
        done = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120, check=False)
        return done.stdout + done.stderr

    return play


def test_a_diff_says_which_files_with_secrets_change_and_not_how(run):
    said = run(PLAY)
    assert SECRET not in said
    assert "/etc/nginx/conf.d/bootyard-cloud.conf" in said
    assert "+(hidden)" in said
    assert "/by-mac/52-54-00-00-00-01.ipxe" in said
    assert not re.search(r"/cloud/\d", said), "the link is as good as the secret"


def test_the_task_that_publishes_the_secret_says_so():
    """Other tasks' files have only the place of a link, which nginx fills in."""
    [task] = [
        task
        for path in ROOT.glob("roles/*/tasks/*.yml")
        for task in yaml.safe_load(path.read_text())
        if "__cloud_config_nginx" in str(task.get("bootyard.netboot.service_files", {}).get("files"))
    ]
    assert "netboot_config_secret" in task["bootyard.netboot.service_files"]["secret"]


def test_arguments_of_the_wrong_type_are_named_and_not_shown(run):
    wrong = {
        "netboot": {"netboot_vars": SECRET, "netboot_bmc": [SECRET], "netboot_containers": {"env": SECRET}},
        "power": {"netboot_bmc": {"address": "10.0.33.2", "user": "a", "password": {"is": SECRET}, "passwort": SECRET}},
        "nfs_root": {"nfs_root_users": [{"name": "a", "uid": 2001, "password": SECRET}], "nfs_root_password_hash": [SECRET]},
    }
    tasks = [
        {"block": [{"include_role": {"name": f"bootyard.netboot.{role}"}, "vars": values}], "rescue": [{"debug": {"msg": "refused"}}]}
        for role, values in wrong.items()
    ]
    said = run({"hosts": "all", "gather_facts": False, "vars": {"netboot_fleet": {}, "power_from": "this"}, "tasks": tasks})
    assert SECRET not in said
    assert said.count("msg: refused") == len(wrong)
    for variable in ("netboot_vars", "netboot_bmc", "netboot_containers", "nfs_root_users"):
        assert variable in said


# --- messages of our own ---------------------------------------------------------------------------------------------

#: Words that are nobody's but the test's.
secrets = st.from_regex(r"[q-z]{4}[A-Z0-9%*!&:{}\[\]#@-]{8,20}[q-z]{4}", fullmatch=True)
shapes = st.sampled_from(
    [
        lambda word: word,
        lambda word: [word],
        lambda word: {"a": word},
        lambda word: [{"name": "web", "image": "web", "env": word, "command": f"'{word}"}],
        lambda word: [{"name": "web", "image": "web", "env": {"A": [word]}, "environment": word}],
        lambda word: {"address": "10.0.33.2", "password": word, "pasword": word, "protocol": "ipmi"},
    ]
)


@given(secrets, shapes, st.sampled_from(["bmc", "containers", "vars", "vars_group", "vars_common", "vras", "config_sceret"]))
def test_no_fault_of_an_inventory_shows_a_secret(word, shape, variable):
    head = {"netboot_networks": {"lab": {"cidr": "10.0.33.0/24", "address": "10.0.33.1", "interface": "eth1"}}}
    head |= {"netboot_config_secret": f"{word}!", "nfs_root_password_hash": f"$ {word}"}
    node = {"netboot_mac": "52:54:00:00:00:01", "netboot_ip": "10.0.33.11", f"netboot_{variable}": shape(word)}
    with pytest.raises(_fleet.FleetError) as caught:
        _fleet.parse({"head": head, "node1": node}, ["node1"], "head")
    assert word not in str(caught.value)
    assert "head: netboot_config_secret = '(hidden)': takes 20 or more letters" in str(caught.value)


@given(secrets)
def test_a_url_s_credentials_are_not_shown(word):
    head = {"netboot_artefacts": {"os": {"url": f"https://me:{word}@example.com/", "version": "1"}}, "netboot_networks": {}}
    with pytest.raises(_fleet.FleetError) as caught:
        _fleet.parse({"head": head}, [], "head")
    assert word not in str(caught.value)
    assert "https://…@example.com/" in str(caught.value) or "netboot_artefacts.os.files" in str(caught.value)


BROKEN = ("password: {}: x", "password: [{}", "password: *{}", "password: !{}", "- password: '{}", "a: 1\n\tb: {}", "? [{}]: b\n- c", "{}")


@given(secrets, st.sampled_from(BROKEN))
def test_no_fault_of_yaml_shows_a_value(word, text):
    said = ""
    try:
        _cloud_yaml.load(text.format(word))
    except _cloud_yaml.YamlError as error:
        said = str(error)
    assert word not in said


@given(secrets, shapes)
def test_no_fault_of_ignition_shows_a_value(word, shape):
    config = {"ignition": {"version": "3.3.0"}, "passwd": {"users": shape(word)}, "storage": shape(word)}
    for _where, message in _ignition.check(config):
        assert word not in message


def test_a_template_s_own_error_quotes_nothing():
    error = ValueError(f"invalid literal for int() with base 10: '{SECRET}'")
    assert _cloud_templates._because(error) == "ValueError: invalid literal for int() with base 10: '…'"


def test_a_container_s_command_is_not_shown():
    faults = _fleet._Faults()
    _disks.containers(faults, "node1", [{"name": "web", "image": "web", "command": f"run --token '{SECRET}"}])
    assert [(fault.variable, fault.value) for fault in faults] == [("netboot_containers[0].command", "(hidden)")]
