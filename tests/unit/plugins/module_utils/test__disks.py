"""Disks and containers are read as people write them; what a unit, a line of fstab or a script could not hold is a fault."""

from __future__ import annotations

import json
import re
import string

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _disks, _fleet, _secrets
from hypothesis import given
from hypothesis import strategies as st

WIPED = {"device": "/dev/vdb", "wipe": "always", "confirm": True}
WEB = {"name": "web", "image": "registry.example.com:5000/team/web:1.0"}


class Faults(list):
    def add(self, host, variable, value, right):
        self.append((host, variable, _secrets.shown(variable, value), right))


def disks(*entries):
    faults = Faults()
    return _disks.disks(faults, "node1", list(entries)), faults


def containers(*entries):
    faults = Faults()
    return _disks.containers(faults, "node1", list(entries)), faults


def test_a_disk_as_it_is_meant():
    entry = {"device": "/dev/disk/by-id/virtio-a", "label": "data", "filesystem": "xfs", "mount": "/srv/data", "options": ["noatime", "ro"]}
    made, faults = disks(entry, {"device": "/dev/vdc", "mount": "/srv/b"}, {"device": "/dev/vdd"}, WIPED)
    assert not faults
    assert made == (
        _disks.Disk("/dev/disk/by-id/virtio-a", "data", "xfs", "/srv/data", options="noatime,ro"),
        _disks.Disk("/dev/vdc", filesystem="ext4", mount="/srv/b"),
        _disks.Disk("/dev/vdd"),
        _disks.Disk("/dev/vdb", wipe="always", confirm=True),
    )
    assert [disk.source for disk in made[:2]] == ["LABEL=data", "/dev/vdc"]


def test_a_container_as_it_is_meant():
    entry = {
        **WEB,
        "archive": "http://10.0.33.1/images/web.tar",
        "ports": ["8080:80", "10.0.33.11:53:53/udp"],
        "volumes": ["/srv/data:/data:ro", "cache:/cache"],
        "env": {"A": "x=y $HOME", "N": 1},
        "command": "serve --port 80 'two words'",
    }
    assert containers(entry, {"name": "b", "image": "b", "ports": "8081:80", "command": ["a", 1]}) == (
        (
            _disks.Container(
                "web",
                "registry.example.com:5000/team/web:1.0",
                "http://10.0.33.1/images/web.tar",
                ("8080:80/tcp", "10.0.33.11:53:53/udp"),
                ("/srv/data:/data:ro", "cache:/cache"),
                (("A", "x=y $HOME"), ("N", "1")),
                ("serve", "--port", "80", "two words"),
            ),
            _disks.Container("b", "b", ports=("8081:80/tcp",), command=("a", "1")),
        ),
        [],
    )


DISK_FAULTS = {  # entries, the key at fault, what is said of it
    "no device": ([{"label": "a"}], "[0].device", "name the disk"),
    "half a device": ([{"device": "vdb"}], "[0].device", "is no device"),
    "a device elsewhere": ([{"device": "/dev/../etc/shadow"}], "[0].device", "is no device"),
    "a unit's percent sign": ([{"device": "/dev/a%i"}], "[0].device", "is no device"),
    "spaces": ([{"device": "/dev/vdb", "label": "a b"}], "[0].label", "label a file system with"),
    "a number": ([{"device": "/dev/vdb", "label": 1}], "[0].label", "label a file system with"),
    "xfs' label": ([{"device": "/dev/vdb", "filesystem": "xfs", "label": "a" * 13}], "[0].label", "xfs has room for 12"),
    "ext4's label": ([{"device": "/dev/vdb", "label": "a" * 17}], "[0].label", "ext4 has room for 16"),
    "no file system": ([{"device": "/dev/vdb", "filesystem": "ntfs"}], "[0].filesystem", "choose ext4, xfs"),
    "relative": ([{"device": "/dev/vdb", "mount": "srv"}], "[0].mount", "is no absolute path"),
    "the root": ([{"device": "/dev/vdb", "mount": "/"}], "[0].mount", "is no absolute path"),
    "dots": ([{"device": "/dev/vdb", "mount": "/srv/../etc"}], "[0].mount", "is no absolute path"),
    "the kernel's": ([{"device": "/dev/vdb", "mount": "/proc"}], "[0].mount", "is the system's own"),
    "mounted swap": ([{"device": "/dev/vdb", "filesystem": "swap", "mount": "/a"}], "[0].mount", "swap is mounted nowhere"),
    "half a wipe": ([{"device": "/dev/vdb", "wipe": "yes"}], "[0].wipe", "choose never, if_blank, always"),
    "unconfirmed": ([{**WIPED, "confirm": False}], "[0].wipe", "say confirm: true beside it"),
    "confirmed in words": ([{**WIPED, "wipe": "never", "confirm": "yes"}], "[0].confirm", "say true or false"),
    "options": ([{"device": "/dev/vdb", "options": "a b"}], "[0].options", "write them like noatime"),
    "unknown key": ([{"device": "/dev/vdb", "size": 1}], "[0].size", "there are confirm, device"),
    "no mapping": (["/dev/vdb"], "[0]", "is no mapping"),
    "same device": ([{"device": "/dev/vdb"}] * 2, "[1].device", r"netboot_disks\[0\]'s too"),
    "same label": ([{"device": f"/dev/vd{x}", "label": "a"} for x in "bc"], "[1].label", "every one needs its own"),
    "same place": ([{"device": f"/dev/vd{x}", "mount": "/a"} for x in "bc"], "[1].mount", "every one needs its own"),
}


@pytest.mark.parametrize(("entries", "key", "said"), DISK_FAULTS.values(), ids=DISK_FAULTS)
def test_a_fault_of_a_disk_names_its_key(entries, key, said):
    [(host, variable, _value, right)] = disks(*entries)[1]
    assert (host, variable) == ("node1", f"netboot_disks{key}")
    assert re.search(said, right)


CONTAINER_FAULTS = {
    "no name": ([{"image": "a"}], "[0].name", "is missing"),
    "no image": ([{"name": "a"}], "[0].image", "is missing"),
    "a name with a slash": ([{**WEB, "name": "a/b"}], "[0].name", "name a container with"),
    "an image like an option": ([{**WEB, "image": "--privileged"}], "[0].image", "is no image's name"),
    "an archive on a disk": ([{**WEB, "archive": "/a.tar"}], "[0].archive", "is no URL"),
    "a time of day": ([{**WEB, "ports": [22 * 60 + 22]}], "[0].ports", "write it in quotes"),
    "one port": ([{**WEB, "ports": ["80"]}], "[0].ports", "write HOST:CONTAINER"),
    "port 0": ([{**WEB, "ports": ["0:80"]}], "[0].ports", "write HOST:CONTAINER"),
    "port 65536": ([{**WEB, "ports": ["65536:80"]}], "[0].ports", "write HOST:CONTAINER"),
    "no address": ([{**WEB, "ports": ["300.1.1.1:80:80"]}], "[0].ports", "write HOST:CONTAINER"),
    "relative volume": ([{**WEB, "volumes": ["./a:/a"]}], "[0].volumes", "write HOST:CONTAINER"),
    "no variables": ([{**WEB, "env": ["A=b"]}], "[0].env", "is no mapping"),
    "a variable's name": ([{**WEB, "env": {"A-B": "x"}}], "[0].env.A-B", "is no name"),
    "yes or no": ([{**WEB, "env": {"A": True}}], "[0].env.A", "write it in quotes"),
    "two lines": ([{**WEB, "env": {"A": "b\nC=d"}}], "[0].env.A", "has a line break"),
    "open quotes": ([{**WEB, "command": "echo 'a"}], "[0].command", "is no command line"),
    "two lines of a word": ([{**WEB, "command": ["a\nb"]}], "[0].command", "is no word of one line"),
    "unknown key": ([{**WEB, "environment": {"A": "b"}}], "[0].environment", "there are archive, command"),
    "same name": ([WEB, WEB], "[1].name", r"netboot_containers\[0\]'s too"),
    "same port": ([{**WEB, "name": x, "ports": [f"080:{p}"]} for x, p in (("a", 1), ("b", 2))], "[1].ports", r"\[0\]'s too"),
}


@pytest.mark.parametrize(("entries", "key", "said"), CONTAINER_FAULTS.values(), ids=CONTAINER_FAULTS)
def test_a_fault_of_a_container_names_its_key(entries, key, said):
    [(host, variable, value, right)] = containers(*entries)[1]
    assert (host, variable) == ("node1", f"netboot_containers{key}")
    assert re.search(said, right)
    assert value == "(hidden)" or not re.search("env|command", key)


@pytest.mark.parametrize("read", [_disks.disks, _disks.containers])
def test_no_list_is_a_fault(read):
    faults = Faults()
    assert read(faults, "node1", {"device": "/dev/vdb"}) == ()
    assert "is no list" in faults[0][3]


# --- whatever is written -------------------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(string.printable, max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
SAFE = re.compile(r"[^\s%$\"'\\`;|&<>()]*")


@given(
    st.lists(
        st.dictionaries(st.sampled_from(_disks._DISK_KEYS), anything | st.sampled_from(["/dev/vdb", "/a", "b"]), max_size=5), max_size=3
    )
)
def test_whatever_is_said_of_disks_is_a_fault_or_safe(entries):
    made, faults = disks(*entries)
    for disk in made if not faults else ():
        assert disk.device
        assert all(SAFE.fullmatch(getattr(disk, key)) for key in ("device", "label", "filesystem", "mount", "wipe", "options"))
        assert disk.confirm or disk.wipe != "always"


@given(st.lists(st.dictionaries(st.sampled_from(_disks._CONTAINER_KEYS), anything | st.sampled_from(["a", "1:2"]), max_size=5), max_size=3))
def test_whatever_is_said_of_containers_is_a_fault_or_safe(entries):
    made, faults = containers(*entries)
    for container in made if not faults else ():
        assert container.name
        assert container.image
        assert all(SAFE.fullmatch(text) for text in (container.name, container.image, *container.ports, *container.volumes))
        assert not any("\n" in text for text in (*container.command, *(text for pair in container.env for text in pair)))


# --- in a fleet ----------------------------------------------------------------------------------------------------


def test_a_fleet_keeps_disks_and_no_secrets(inventory):
    node = {"netboot_disks": [{"device": "/dev/vdb", "mount": "/a"}], "netboot_containers": [{**WEB, "env": {"TOKEN": "s3cret"}}]}
    fleet = inventory(nfs_root_extra_packages=["podman"]).node("node1", netboot_profile="debian-ram", **node).parse()
    text = json.dumps(fleet.to_dict())
    assert "s3cret" not in text
    assert _fleet.Fleet.from_dict(json.loads(text)) == fleet
    assert fleet.nodes[0].disks == (_disks.Disk("/dev/vdb", filesystem="ext4", mount="/a"),)


def test_a_disk_or_a_container_needs_a_configuration(inventory):
    node = {"netboot_disks": [{"device": "/dev/vda"}, {"device": "/dev/vdb", "mount": "/a"}], "netboot_containers": [WEB]}
    faults = inventory().node("node1", netboot_profile="debian-nfs", **node).faults()
    assert faults == [("node1", "netboot_disks", ["/dev/vdb"]), ("node1", "netboot_containers", "(hidden)")]
    talos = inventory().node("node1", netboot_profile="talos", netboot_channel="v1", **node).faults()
    assert talos == [("node1", "netboot_containers", "(hidden)")]


def test_an_image_needs_what_runs_containers(inventory):
    own = {"debian-12-ram": {"suite": "bookworm", "form": "squashfs", "extra_packages": ["docker.io"]}}
    node = {"netboot_profile": "debian-ram", "netboot_containers": [WEB]}
    assert inventory(netboot_images=own).node("node1", **node).parse()
    assert inventory().node("node1", **node).faults() == [("node1", "netboot_containers", "(hidden)")]
