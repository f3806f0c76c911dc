"""Ignition's form is checked as Ignition would, and made of Butane's."""

from __future__ import annotations

import contextlib
import copy
import re
import subprocess

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _ignition
from hypothesis import example, given
from hypothesis import strategies as st

WHOLE = {
    "ignition": {"version": "3.4.0", "config": {"merge": [{"source": "http://10.0.33.1/more.ign", "verification": {"hash": "sha512-00"}}]}},
    "kernelArguments": {"shouldExist": ["quiet"]},
    "passwd": {"users": [{"name": "core", "sshAuthorizedKeys": ["ssh-ed25519 AAAA"], "uid": 500}], "groups": [{"name": "web", "gid": 7}]},
    "storage": {
        "disks": [{"device": "/dev/vda", "partitions": [{"number": 0, "sizeMiB": 512, "label": "x"}]}],
        "filesystems": [{"device": "/dev/vda1", "path": "/data", "format": "ext4", "label": None}],
        "files": [{"path": "/etc/motd", "mode": 420, "contents": {"source": "data:,x"}, "overwrite": True}],
        "directories": [{"path": "/srv/a", "mode": 1023}],
        "links": [{"path": "/srv/b", "target": "a"}],
        "luks": [{"name": "l", "device": "/dev/vdb", "clevis": {"tpm2": True}}],
    },
    "systemd": {"units": [{"name": "web@1.service", "enabled": True, "contents": "x", "dropins": [{"name": "a.conf", "contents": "y"}]}]},
}


def changed(path, value):
    """The configuration with one thing otherwise; the path has dots."""
    made = copy.deepcopy(WHOLE)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = made
    for step in way:
        place = place[step]
    if isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return made


def test_a_configuration_with_all_of_it_is_right():
    assert list(_ignition.check(WHOLE)) == []


WRONG = {  # what is set to what, where the fault is, and a pattern of the message
    "unknown section": ("strage", {}, "strage", "is no key here; there are ignition"),
    "unknown key": ("storage.files.0.contnet", {}, "storage.files[0].contnet", "is no key here"),
    "no version": ("ignition", {}, "ignition.version", "is missing"),
    "no list": ("systemd.units", {}, "systemd.units", "write a list"),
    "no mapping": ("storage.files.0", "x", "storage.files[0]", "write a mapping"),
    "no text": ("storage.files.0.path", 5, "storage.files[0].path", "write a text"),
    "mode as a text": ("storage.files.0.mode", "0644", "storage.files[0].mode", "write a whole number"),
    "a truth for a number": ("passwd.users.0.uid", True, "passwd.users[0].uid", "write a whole number"),
    "octal digits": ("storage.files.0.mode", 644, "storage.files[0].mode", "that is 0o1204; write 420 for 0o644"),
    "mode too large": ("storage.files.0.mode", 4096, "storage.files[0].mode", "give 0 to 4095"),
    "relative path": ("storage.files.0.path", "etc/motd", "storage.files[0].path", "give an absolute path"),
    "path with dots": ("storage.files.0.path", "/etc/../motd", "storage.files[0].path", "without dots"),
    "no path": ("storage.files.0", {"mode": 420}, "storage.files[0].path", "is missing"),
    "path twice": ("storage.links.0.path", "/etc/motd", "storage.links[0].path", r"once more; storage.files\[0\].path has it"),
    "unit twice": ("systemd.units.1", {"name": "web@1.service"}, "systemd.units[1].name", "once more"),
    "half a unit's name": ("systemd.units.0.name", "web", "systemd.units[0].name", "whole name"),
    "device twice": ("storage.filesystems.1", {"device": "/dev/vda1"}, "storage.filesystems[1].device", "once more"),
    "device by name": ("storage.filesystems.0.device", "vda1", "storage.filesystems[0].device", "absolute path"),
    "path for a source": ("storage.files.0.contents.source", "/a", "storage.files[0].contents.source", "give a URL"),
    "source of more": ("ignition.config.merge.0.source", "more.ign", "ignition.config[0].source", "give a URL"),
    "link to nowhere": ("storage.links.0", {"path": "/x"}, "storage.links[0].target", "is missing"),
    "a later spec's": ("ignition.version", "3.2.0", "kernelArguments", "came with spec 3.3.0"),
    "user twice": ("passwd.users.1", {"name": "core"}, "passwd.users[1].name", "once more"),
}


@pytest.mark.parametrize(("path", "value", "where", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_found_in_its_place(path, value, where, said):
    found = dict(_ignition.check(changed(path, value)))
    assert list(found) == [where]
    assert re.search(said, found[where]), found


json = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["ignition", "version", "storage", "files", "path", "config", "systemd", "units", "name"]), inner, max_size=4), max_leaves=12)  # fmt: skip


@given(json)
def test_nothing_makes_it_stumble(config):
    assert list(_ignition.check(config))


@given(json)
def test_butanes_form_never_stumbles_either(config):
    with contextlib.suppress(_ignition.IgnitionError):
        list(_ignition.check(_ignition.from_butane(config, "3.3.0")))


@given(st.text(st.sampled_from("ab/.-_:@ é\\"), min_size=1, max_size=10))
@example("/dev/disk/by-label/my data")
@example("/")
@example("/.hidden")
def test_names_of_units_are_systemds(path):
    if not path.startswith("/") or ".." in path or "/./" in f"{path}/":
        return
    expected = subprocess.run(["systemd-escape", "--path", path], capture_output=True, text=True, check=True).stdout.rstrip("\n")
    assert _ignition.escape(path) == expected
