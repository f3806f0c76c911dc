"""What is a node's own in its root."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _personal
from hypothesis import given
from hypothesis import strategies as st

NODE = _personal.Identity(
    "node1", "10.0.33.11", ("52:54:00:00:00:01", "52:54:00:00:00:02"), "10.0.33.1", "10.0.33.11 node1\n", "cluster", ("10.0.33.1",)
)
MPI = {"name": "mpi", "uid": 9999, "shell": "/bin/sh", "authorized_keys": ("ssh-ed25519 AAAAmpi",)}
CURRENT = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\n",
    "/etc/group": "root:x:0:\nsudo:x:27:alice,bob\n",
    "/etc/shadow": "root:*:19700:0:99999:7:::\ndaemon:*:19700:0:99999:7:::\n",
}

# --- files -----------------------------------------------------------------------------------------------------------


def test_no_name_is_on_a_loopback_address_but_localhost():
    text = _personal.hosts([("head", "10.0.33.1"), ("node1", "10.0.33.11")], "cluster")
    rows = [line.split() for line in text.splitlines()]
    assert ["10.0.33.11", "node1.cluster", "node1"] in rows
    assert "127.0.1.1" not in text
    assert [names for ip, *names in rows if ip.startswith("127.")] == [["localhost"]]


def test_who_the_node_is():
    entries = _personal.entries(NODE, _personal.Settings(authorized_keys=("a", "b")))
    assert entries["/etc/hostname"].content == "node1\n"
    assert entries["/etc/machine-id"].content == ""
    assert entries["/etc/resolv.conf"].content == "search cluster\nnameserver 10.0.33.1\n"
    assert entries["/root/.ssh/authorized_keys"] == _personal.Entry("a\nb\n", 0o600)
    assert entries["/etc/bootyard/hosts"].content == NODE.hosts
    assert entries["/etc/hosts"].link == "bootyard/hosts"


def test_nobody_else_configures_the_card_of_the_root():
    """A second DHCP client would take the link down, and the root with it (T04)."""
    entries = _personal.entries(NODE, _personal.Settings())
    unit = entries["/etc/systemd/network/00-bootyard-root.network"].content
    assert "MACAddress=52:54:00:00:00:01 52:54:00:00:00:02\n" in unit
    assert "Unmanaged=yes" in unit
    assert entries["/etc/network/interfaces"].content == "auto lo\niface lo inet loopback\n"
    assert "dhcp" not in str(entries).lower()


def test_no_resolver_without_name_servers():
    node = _personal.Identity("node1", "10.0.33.11", (), "10.0.33.1", "")
    assert "/etc/resolv.conf" not in _personal.entries(node, _personal.Settings())


def test_parents_come_before_what_is_in_them():
    settings = _personal.Settings(users=(MPI,), shared=({"path": "/home/mpi/cloud"}, {"path": "/srv/data", "mount": "/data"}))
    paths = list(_personal.entries(NODE, settings))
    for i, path in enumerate(paths):
        assert not any(other.startswith(f"{path}/") for other in paths[:i])
    assert {"/home/mpi", "/home/mpi/cloud", "/data"} <= set(paths)
    assert "/srv/data" not in paths


def test_the_mounts_of_a_node():
    settings = _personal.Settings(
        tmpfs=("/tmp", "/var/log"), shared=({"path": "/home/mpi/cloud"}, {"path": "/srv/data", "mount": "/data", "writable": False})
    )
    rows = [line.split() for line in _personal.fstab("10.0.33.1", settings).splitlines() if not line.startswith("#")]
    assert all(len(row) == 6 for row in rows)
    assert [row[:4] for row in rows[:4]] == [
        ["/dev/nfs", "/", "nfs", "tcp,nolock"],
        ["proc", "/proc", "proc", "defaults"],
        ["none", "/tmp", "tmpfs", "nosuid,nodev,mode=1777"],
        ["none", "/var/log", "tmpfs", "nosuid,nodev"],
    ]
    assert [(row[0], row[1], row[2], row[3].split(",")[0]) for row in rows[4:]] == [
        ("10.0.33.1:/home/mpi/cloud", "/home/mpi/cloud", "nfs", "rw"),
        ("10.0.33.1:/srv/data", "/data", "nfs", "ro"),
    ]
    assert all({"nofail", "_netdev"} <= set(row[3].split(",")) for row in rows[4:])


# --- accounts --------------------------------------------------------------------------------------------------------


def rows(accounts, file):
    return {line.split(":")[0]: line.split(":") for line in accounts[f"/etc/{file}"].splitlines()}


def test_cluster_users_have_equal_ids_everywhere():
    made = _personal.accounts(CURRENT, _personal.Settings(users=(MPI,)))
    assert rows(made, "passwd")["mpi"] == ["mpi", "x", "9999", "9999", "mpi", "/home/mpi", "/bin/sh"]
    assert rows(made, "group")["mpi"] == ["mpi", "x", "9999", ""]
    assert rows(made, "shadow")["mpi"][1] == "!"
    entries = _personal.entries(NODE, _personal.Settings(users=(MPI,)))
    owners = {(entry.owner, entry.group) for path, entry in entries.items() if path.startswith("/home/mpi")}
    assert owners == {(9999, 9999)}


@pytest.mark.parametrize(("password", "cell"), [("$6$salt$hash", "$6$salt$hash"), ("!", "!")])
def test_roots_password(password, cell):
    made = _personal.accounts(CURRENT, _personal.Settings(password))
    assert rows(made, "shadow")["root"] == ["root", cell, "19700", "0", "99999", "7", "", "", ""]


def test_a_user_whose_id_is_taken_over_keeps_its_row():
    current = {
        **CURRENT,
        "/etc/passwd": CURRENT["/etc/passwd"] + "mpi:x:1000:1000::/home/mpi:/bin/zsh\n",
        "/etc/group": "mpi:x:1000:alice\n",
    }
    made = _personal.accounts(current, _personal.Settings(users=(MPI,)))
    assert made["/etc/passwd"].count("mpi:x:") == 1
    assert rows(made, "passwd")["mpi"][2:4] == ["9999", "9999"]
    assert rows(made, "group")["mpi"] == ["mpi", "x", "9999", "alice"]


names = st.from_regex(r"[a-z_][a-z0-9_-]{0,9}", fullmatch=True).filter(lambda name: name not in ("root", "mpi"))
tables = st.lists(st.tuples(names, st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=12)), max_size=5)


@given(tables, tables, tables)
def test_other_rows_stay_as_they_were_and_twice_is_once(passwd, group, shadow):
    made = ["".join(f"{name}:{rest}\n" for name, rest in table) for table in (passwd, group, shadow)]
    current = dict(zip(_personal.ACCOUNT_FILES, made, strict=True))
    settings = _personal.Settings("$6$x", users=(MPI,))
    once = _personal.accounts(current, settings)
    assert _personal.accounts(once, settings) == once
    for path, before in current.items():
        assert once[path].startswith(before)
        assert {line.split(":")[0] for line in once[path].removeprefix(before).splitlines()} <= {"root", "mpi"}


def test_a_root_asks_the_networks_time_servers():
    node = dataclasses.replace(NODE, ntp=("10.0.33.1", "10.0.33.2"))
    entries = _personal.entries(node, _personal.Settings())
    assert entries["/etc/systemd/timesyncd.conf.d/bootyard.conf"].content == "[Time]\nNTP=10.0.33.1 10.0.33.2\n"
