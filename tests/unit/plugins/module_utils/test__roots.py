"""Roots on real file systems: whole or not there, each node's own, and never a way out of them."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _personal, _records, _retire, _roots, _run, _volumes
from isolation import killed_at, survivors
from rootmaster import QUOTA, SETTINGS, Master, by_handle, fingerprint, texts


@pytest.fixture(params=["overlay", "copy"])
def master(request, disk):
    return Master(disk("images"), disk("data", "size=512m"), request.param)


# --- create ----------------------------------------------------------------------------------------------------------


def test_a_root_is_the_nodes_own(master):
    master.run("node1", "node2", dns=("10.0.33.1",), domain="lab")
    root = master.root("node1")
    assert (root / "etc/hostname").read_text() == "node1\n"
    assert (root / "etc/machine-id").read_text() == ""
    assert "10.0.33.11 node1" in (root / "etc/hosts").read_text()
    assert (root / "etc/resolv.conf").read_text() == "search lab\nnameserver 10.0.33.1\n"
    assert (root / "root/.ssh/authorized_keys").read_text() == "ssh-ed25519 AAAAadmin\n"
    assert (root / "root/.ssh/authorized_keys").stat().st_mode & 0o777 == 0o600
    assert (root / "root/.ssh").stat().st_mode & 0o777 == 0o700
    assert (root / "home/mpi/.ssh/authorized_keys").stat().st_uid == 9999
    assert "root:$6$salt$hash:" in (root / "etc/shadow").read_text()
    shadow = (root / "etc/shadow").stat()
    assert (shadow.st_mode & 0o777, shadow.st_uid, shadow.st_gid) == (0o640, 0, 42)
    assert (root / "boot/big").read_text() == "x" * 300_000
    assert root.stat().st_mode & 0o777 == 0o755


def test_each_root_has_a_host_key_of_its_own(master):
    master.run("node1", "node2")
    keys = set()
    for name, record in master.records().items():
        private = master.root(name) / "etc/ssh/ssh_host_ed25519_key"
        assert private.stat().st_mode & 0o777 == 0o600
        public = subprocess.run(["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, check=True).stdout
        assert " ".join(public.split()[:2]) == record.host_key
        assert (master.root(name) / "etc/ssh/ssh_host_ed25519_key.pub").read_text().startswith(record.host_key)
        keys.add(record.host_key)
    assert len(keys) == 2


def test_a_second_run_has_nothing_to_do(master):
    assert not master.run("node1", "node2").empty
    before = fingerprint(master.data)
    todo = master.run("node1", "node2")
    assert todo.empty
    assert todo.faults == {}
    assert fingerprint(master.data) == before


def test_adding_a_node_touches_only_its_root(master):
    master.run("node1", "node2")
    before = {name: fingerprint(master.root(name)) for name in ("node1", "node2")}
    records = master.records()
    assert master.run("node1", "node2", "node3").create == ["node3"]
    assert {name: fingerprint(master.root(name)) for name in before} == before
    assert {name: master.records()[name] for name in records} == records
    assert master.ready() == ["node1", "node2", "node3"]


def test_the_number_of_an_export_is_kept_for_life(master):
    master.run("node1", "node2")
    master.leave("node1")
    master.run("node2", "node3", "node4")
    assert {name: record.export_id for name, record in master.records().items()} == {"node2": 2, "node3": 1, "node4": 3}


def test_a_prediction_says_what_will_be_there_and_makes_nothing(master):
    master.run("node1")
    before = fingerprint(master.data)
    records = master.records()
    _roots.predict(master.layout, master.plan("node1", "node2"), records, master.wanted("node1", "node2"))
    assert fingerprint(master.data) == before
    master.run("node1", "node2")
    made = master.records()["node2"]
    for name in ("node", "ip", "image", "generation", "path", "export_id", "state"):
        assert getattr(records["node2"], name) == getattr(made, name)


@pytest.mark.parametrize("umask", [0o077, 0o000])
def test_a_root_is_open_to_its_users_whatever_the_masters_umask(master, umask):
    before = os.umask(umask)
    try:
        with _run.turn(f"{master.data}/state", None):
            master.run("node1")
    finally:
        os.umask(before)
    root = master.root("node1")
    modes = {
        path: (root / path).stat().st_mode & 0o777
        for path in ("", "etc/systemd", "etc/systemd/network", "home", "etc/bootyard", "root/.ssh")
    }
    assert modes == {
        "": 0o755,
        "etc/systemd": 0o755,
        "etc/systemd/network": 0o755,
        "home": 0o755,
        "etc/bootyard": 0o755,
        "root/.ssh": 0o700,
    }


def test_a_home_without_a_record_is_somebodys_and_stays(master):
    """Its overlay need not be mounted for the data in it to be there."""
    master.run("node1", "node2")
    (master.root("node2") / "precious").write_text("data")
    master.unmount("node2")
    (master.data / "roots/node2/root.json").unlink()
    before = fingerprint(master.data / "roots/node2")
    assert "has no root.json" in master.run("node1", "node2", "node3").faults["node2"]
    assert fingerprint(master.data / "roots/node2") == before
    assert master.ready() == ["node1", "node3"]


def test_a_directory_in_the_place_of_a_root_is_named(master):
    master.run("node1")
    (master.root("node2") / "photos").mkdir(parents=True)
    assert "is in the way" in master.run("node1", "node2", "node3").faults["node2"]
    assert (master.root("node2") / "photos").is_dir()
    assert master.ready() == ["node1", "node3"]


def test_roots_of_an_earlier_release_are_not_hidden(master):
    (master.root("node2") / "photos").mkdir(parents=True)
    with pytest.raises(_records.RootError, match="on the master's own file system"):
        master.run("node1")
    assert (master.root("node2") / "photos").is_dir()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"node": 1}', None], ids=["empty", "cut off", "a list", "wrong types", "a copy"])
def test_a_damaged_record_is_named_and_holds_up_no_other(master, content):
    master.run("node1", "node2")
    record = master.data / "roots/node2/root.json"
    record.write_text((master.data / "roots/node1/root.json").read_text() if content is None else content)
    before = fingerprint(master.data / "roots/node2")
    faults = master.run("node1", "node2", "node3").faults
    assert faults.keys() == {"node2"}
    assert str(record) in faults["node2"]
    assert fingerprint(master.data / "roots/node2") == before
    assert master.ready() == ["node1", "node3"]


def test_a_root_whose_disk_is_gone_is_named(master):
    master.run("node1", "node2")
    master.unmount("node2")
    (master.data / "roots/node2/root.ext4").rename(master.data / "moved")
    assert "root.ext4 is missing. Restore it" in master.run("node1", "node2").faults["node2"]


def test_a_root_that_does_not_mount_holds_up_no_other(master):
    master.run("node1", "node2", "node3")
    master.unmount("node1", "node2", "node3")
    with open(master.data / "roots/node1/root.ext4", "r+b") as disk:
        disk.write(b"x" * 65536)
    todo = master.run("node1", "node2", "node3", "node4")
    assert todo.unmounted == ["node1"]
    assert "mount failed" in todo.faults["node1"]
    assert [name for name in ("node1", "node2", "node3", "node4") if (master.root(name) / "etc/hostname").exists()] == [
        "node2",
        "node3",
        "node4",
    ]
    assert str(master.root("node1")) in Path(master.layout.fstab).read_text()


def test_a_root_below_its_quota_is_named(master):
    master.run("node1", "node2")
    assert master.run("node1", "node2", size=2 * QUOTA).small == ["node1", "node2"]
    assert master.run("node1", "node2", size=2 * QUOTA).empty


def test_a_node_fills_its_own_root_only(master):
    master.run("node1", "node2")
    with pytest.raises(OSError, match="No space left"):
        (master.root("node1") / "huge").write_bytes(bytes(QUOTA))
    (master.root("node2") / "huge").write_bytes(bytes(1 << 20))
    assert master.room() * 4096 > 200 << 20


def test_what_a_node_deletes_is_free_for_the_others(master):
    master.run("node1")
    before = master.room()
    (master.root("node1") / "huge").write_bytes(os.urandom(32 << 20))
    subprocess.run(["sync", "--file-system", master.root("node1")], check=True)
    assert (before - master.room()) * 4096 > 30 << 20
    (master.root("node1") / "huge").unlink()
    # The blocks are given back when the journal is written.
    for _time in range(3):
        subprocess.run(["sync", "--file-system", master.root("node1")], check=True)
        time.sleep(0.1)
    assert (before - master.room()) * 4096 < 16 << 20


def test_programs_and_devices_of_a_root_count_for_nothing_on_the_master(master):
    shutil.copy("/usr/bin/id", master.source / "boot/id")
    (master.source / "boot/id").chmod(0o4755)
    master.pack()
    master.run("node1")
    root = master.root("node1")
    os.mknod(root / "disk", 0o666 | stat.S_IFBLK, os.makedev(7, 0))
    assert (root / "boot/id").stat().st_mode & 0o4000, "clients see the mode"
    # As if the way there were open, which the mode of the directory forbids.
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with open(root / "boot/id", "rb") as program:
        command = [*as_nobody, f"/proc/self/fd/{program.fileno()}", "-u"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, pass_fds=[program.fileno()]).stdout
    assert said.strip() == "65534"
    with pytest.raises(PermissionError):
        os.open(root / "disk", os.O_RDONLY)
    assert subprocess.run([*as_nobody, "ls", root], capture_output=True, check=False).returncode != 0


def test_a_root_is_one_file_system_to_who_asks(master):
    """Ganesha refuses what is on another device than its export: Invalid cross-device link."""
    master.run("node1")
    (master.root("node1") / "new").write_text("new")
    root = master.root("node1")
    assert {path.lstat().st_dev for path in root.rglob("*")} == {root.stat().st_dev}


def test_every_root_and_what_all_read_are_file_systems_of_their_own(master):
    master.run("node1", "node2")
    exported = [master.root("node1"), master.root("node2"), master.data / "nfs/.common"]
    layers = [Path(mount.target) for mount in master.layout.mounts(master.records()["node1"]) if mount.kind != "overlay"]
    places = {*exported, *layers, master.data, master.data / "nfs"}
    assert len({path.stat().st_dev for path in places}) == len(places)


def test_a_stray_file_among_the_roots_is_no_root(master):
    master.run("node1")
    (master.data / "roots/README").write_text("mine\n")
    assert list(master.records()) == ["node1"]


def test_this_kernel_makes_overlays_for_nfs(private_mounts):
    assert _volumes.overlays_work()


def test_the_master_mounts_ready_roots_when_it_starts(master):
    master.run("node1", "node2")
    master.unmount("node1", "node2")
    for path in (master.data / "nfs/.common", master.data / "nfs"):
        subprocess.run(["umount", path], check=True)
    assert not (master.data / "nfs/node1").exists(), "nothing is there that could be exported"
    subprocess.run(["mount", "--all", "--fstab", master.layout.fstab], check=True)
    assert (master.root("node1") / "etc/hostname").read_text() == "node1\n"
    assert "nosuid,nodev" in next(line for line in Path("/proc/self/mounts").read_text().splitlines() if f"{master.root('node1')} " in line)
    assert master.run("node1", "node2").empty
    master.unmount("node1", "node2")
    todo = master.run("node1", "node2")
    assert (todo.create, todo.update, todo.mount) == ([], {}, ["node1", "node2"])
    assert (master.root("node1") / "etc/hostname").read_text() == "node1\n"


@pytest.mark.parametrize("way", ["cp --archive", "tar --sparse"])
def test_a_backup_can_be_restored(master, disk, way):
    """Overlays are tied to the inodes below them, which a copy of files would change and a copy of file systems keeps."""
    master.run("node1")
    (master.root("node1") / "boot/small1").write_text("the node's")
    (master.root("node1") / "boot/big").unlink()
    master.unmount("node1")
    subprocess.run(["umount", "--quiet", master.base], check=False)
    elsewhere = disk("elsewhere", "size=512m")
    for name, source in (("images", master.generation.parents[1]), ("data", master.data)):
        copy = (
            f"cp --archive --one-file-system {source} {elsewhere}/{name}"
            if way.startswith("cp")
            else (f"mkdir {elsewhere}/{name}; tar --sparse -C {source} --one-file-system -c . | tar -C {elsewhere}/{name} -x")
        )
        subprocess.run(["sh", "-euc", copy], check=True)
    restored = object.__new__(Master)
    restored.__dict__ |= master.__dict__ | {"data": elsewhere / "data"}
    data, images = elsewhere / "data", elsewhere / "images"
    restored.layout = _records.Layout(
        str(images), f"{data}/roots", f"{data}/archive", f"{data}/nfs", f"{data}/common.ext4", f"{images}/roots.fstab"
    )
    record = restored.records()["node1"]
    record.path = str(restored.root("node1"))
    _records.save(restored.layout, record)
    todo = restored.run("node1")
    assert (todo.create, todo.mount, todo.faults) == ([], ["node1"], {})
    root = restored.root("node1")
    assert (root / "boot/small1").read_text() == "the node's"
    assert sorted(os.listdir(root / "boot")) == sorted(f"small{number}" for number in range(60))
    assert (root / "etc/hostname").read_text() == "node1\n"
    # As NFS does it: a handle of the copy opens the file behind it.
    for name in ("small1", "small2"):
        assert by_handle(root, root / "boot" / name) == (root / "boot" / name).read_bytes()


# --- fault test 24, the server's half --------------------------------------------------------------------------------


def test_what_one_node_writes_is_in_no_other_root_and_not_in_the_image(master):
    master.run("node1", "node2")
    base, other = Path(master.generation / "root.squashfs").read_bytes(), fingerprint(master.root("node2"))
    own = master.root("node1")
    (own / "boot/big").write_text("changed")
    with open(own / "boot/small1", "a") as file:
        file.write("more")
    (own / "boot/small2").chmod(0o4755)
    (own / "boot/small3").unlink()
    (own / "new").write_text("new")
    assert Path(master.generation / "root.squashfs").read_bytes() == base
    assert fingerprint(master.root("node2")) == other


# --- update ----------------------------------------------------------------------------------------------------------


def test_an_update_writes_only_the_changed_entry(master):
    master.run("node1", "node2")
    before = fingerprint(master.root("node1"))
    todo = master.run("node1", "node2", hosts="10.0.33.1 head\n")
    assert todo.update == {"node1": ["/etc/bootyard/hosts"], "node2": ["/etc/bootyard/hosts"]}
    after = fingerprint(master.root("node1"))
    assert {path for path in after if after[path] != before.get(path)} == {"etc/bootyard", "etc/bootyard/hosts"}
    assert master.plan("node1", "node2", hosts="10.0.33.1 head\n").empty


def test_what_a_node_changed_itself_is_kept(master):
    master.run("node1")
    root = master.root("node1")
    (root / "etc/hostname").write_text("renamed\n")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    with open(root / "etc/passwd", "a") as passwd:
        passwd.write("guest:x:1000:1000::/home/guest:/bin/sh\n")
    settings = _personal.Settings(SETTINGS.password_hash, ("ssh-ed25519 AAAAother",), SETTINGS.tmpfs, users=({"name": "mpi", "uid": 9998},))
    master.run("node1", settings=settings)
    assert (root / "etc/hostname").read_text() == "renamed\n"
    assert (root / "etc/machine-id").read_text().startswith("0123")
    assert (root / "root/.ssh/authorized_keys").read_text() == "ssh-ed25519 AAAAother\n"
    passwd = (root / "etc/passwd").read_text()
    assert "guest:x:1000:" in passwd
    assert "mpi:x:9998:" in passwd
    assert master.plan("node1", settings=settings).empty


def test_a_password_changes_in_every_root(master):
    master.run("node1")
    todo = master.run("node1", settings=_personal.Settings("$6$new", *list(vars_of(SETTINGS))[1:]))
    assert set(todo.update["node1"]) == set(_personal.ACCOUNT_FILES)
    assert "root:$6$new:" in (master.root("node1") / "etc/shadow").read_text()


def vars_of(settings):
    return (getattr(settings, name) for name in settings.__dataclass_fields__)


LAID = {
    "the directory": ("etc", "directory"),
    "the file": ("etc/bootyard/hosts", "file"),
    "the file's directory": ("etc/bootyard", "directory"),
    "the accounts": ("etc/shadow", "file"),
    "the staged file": ("etc/bootyard/.hosts.bootyard", "file"),
    "a new directory": ("srv", "directory"),
}


@pytest.mark.parametrize("laid", LAID.values(), ids=LAID)
def test_a_link_that_a_node_laid_is_never_followed(master, laid):
    path, kind = laid
    master.run("node1")
    outside = master.data / "outside"
    outside.mkdir()
    for name in ("hosts", "passwd", "group", "shadow", "hostname"):
        (outside / name).write_text("root:x:0:0:precious::\n")
    target = master.root("node1") / path
    if target.exists() or target.is_symlink():
        subprocess.run(["mv", target, target.with_name("moved")], check=True)
    target.symlink_to(outside if kind == "directory" else outside / "shadow")
    before = fingerprint(outside)
    changed = _personal.Settings("$6$new", shared=({"path": "/srv/data"},))
    master.run("node1", settings=changed, hosts="10.0.33.1 head\n")
    assert fingerprint(outside) == before
    assert "precious" not in str(texts(master.root("node1")))


def test_one_root_that_cannot_be_updated_is_named_and_holds_up_no_other(master):
    master.run("node1", "node2")
    subprocess.run(["mv", "etc", "moved"], cwd=master.root("node1"), check=True)
    (master.root("node1") / "etc").symlink_to("moved")
    todo = master.run("node1", "node2", hosts="10.0.33.1 head\n")
    assert todo.faults.keys() == {"node1"}
    assert (master.root("node2") / "etc/bootyard/hosts").read_text() == "10.0.33.1 head\n"


def test_a_user_who_left_gets_in_no_more(master):
    keys = master.root("node1") / "home/mpi/.ssh/authorized_keys"
    users = ({"name": "mpi", "uid": 9999, "authorized_keys": ("ssh-ed25519 AAAAmpi",)},)
    master.run("node1", settings=_personal.Settings(users=users))
    (keys.parent / "mine").write_text("the node's own")
    assert keys.exists()
    master.run("node1", settings=_personal.Settings())
    assert not keys.exists()
    assert (keys.parent / "mine").exists()


@pytest.mark.parametrize("trap", ["fifo", "bytes", "short rows", "nothing"])
def test_a_node_cannot_break_the_run_with_its_accounts(master, trap):
    master.run("node1")
    shadow = master.root("node1") / "etc/shadow"
    if trap == "bytes":
        shadow.write_bytes(b"root:*:19000::::::\nm\xfcller:*:19000::::::\n")
    elif trap == "short rows":
        shadow.write_text("root\n\nmpi\n:\n")
    else:
        shadow.unlink()
        if trap == "fifo":
            os.mkfifo(shadow)
    changed = _personal.Settings("$6$new", users=SETTINGS.users)
    if trap in ("fifo", "nothing"):
        assert master.run("node1", settings=changed).faults.keys() == {"node1"}
    else:
        assert master.run("node1", settings=changed).faults == {}
        assert b"root:$6$new:" in shadow.read_bytes()
        assert trap != "bytes" or b"m\xfcller:*:19000::::::\n" in shadow.read_bytes()


# --- killed ----------------------------------------------------------------------------------------------------------


def test_a_root_whose_making_was_killed_is_never_ready_and_remade(master):
    whole = None
    step, killed = 0, True
    while killed:
        killed = killed_at(step, _roots, lambda: master.run("node1"))
        if killed and master.ready():
            assert (master.root("node1") / "etc/shadow").exists()
        master.run("node1")
        assert master.ready() == ["node1"]
        made = {path: text for path, text in texts(master.root("node1")).items() if "ssh_host" not in path}
        whole = whole or made
        assert made == whole
        assert master.plan("node1").empty
        master.leave("node1", purge=True)
        step += 31
    assert step > 200
    assert sorted(os.listdir(master.data)) == ["archive", "common.ext4", "nfs", "roots"]
    assert [os.listdir(master.data / name) for name in ("archive", "nfs", "roots")] == [[], [".common"], []]


def test_a_half_made_root_that_is_in_use_is_remade_only_when_it_is_free(disk):
    copying = Master(disk("images"), disk("data", "size=512m"), "copy")
    step = 0
    while not (copying.root("node2") / "etc").exists():
        killed_at(step, _roots, lambda: copying.run("node1", "node2"))
        step += 10
    with open(copying.root("node2") / "etc/precious", "w"):
        assert "umount failed" in copying.run("node1", "node2").faults["node2"]
    assert copying.ready() == ["node1"]
    assert copying.run("node1", "node2").faults == {}
    assert copying.ready() == ["node1", "node2"]


def test_a_removal_that_was_killed_is_finished(master):
    step, killed = 0, True
    while killed:
        master.run("node1", "node2")
        killed = killed_at(step, _retire, lambda: master.leave("node1"))
        master.leave(*set(master.records()) - {"node2"})
        assert master.ready() == ["node2"]
        assert not master.root("node1").exists()
        [grave] = (master.data / "archive").iterdir()
        assert archived(master, grave, "etc/hostname") == "node1\n"
        subprocess.run(["rm", "-r", grave], check=True)
        step += 5


@pytest.mark.parametrize("strategy", ["overlay", "copy"])
def test_no_helper_of_a_killed_run_goes_on_writing(disk, strategy):
    master = Master(disk("images", "size=900m"), disk("data", "size=900m"), strategy)
    (master.source / "boot/huge").write_bytes(os.urandom(100 << 20))
    master.pack()
    child = os.fork()
    if not child:
        master.run("node1", size=1 << 30)
        os._exit(0)
    deadline = time.monotonic() + 20
    while not (master.root("node1") / "boot").exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert survivors(str(master.data)) == []
    master.run("node1", size=1 << 30)
    assert master.ready() == ["node1"]


# --- fault test 11: disk full ----------------------------------------------------------------------------------------


def test_a_root_needs_room(master):
    master.run("node1")
    master.layout = dataclasses.replace(master.layout, reserve=1 << 30)
    assert "above the 1024 that stay free" in master.run("node1", "node2").faults["node2"]
    assert os.listdir(master.data / "roots") == ["node1"]
    assert master.ready() == ["node1"]


def test_a_copy_needs_a_quota_that_holds_it(disk):
    copying = Master(disk("images"), disk("data", "size=512m"), "copy")
    copying.pack(size=QUOTA)
    assert "netboot_quota of 128 MiB is too small for a copy" in copying.run("node1").faults["node1"]
    assert copying.run("node1", size=2 * QUOTA).faults == {}


@pytest.mark.parametrize("strategy", ["overlay", "copy"])
def test_a_disk_that_fills_up_at_any_moment_leaves_no_half_root(disk, strategy):
    """The image file is sparse, so the kernel writes its blocks after a program has been told that all went well."""
    master = Master(disk("images"), disk("data", "size=512m"), strategy)
    (master.source / "boot/bigger").write_bytes(os.urandom(3 << 20))
    master.pack()
    master.run("node1")
    filler, failures = master.data / "filler", 0
    filler.write_bytes(bytes(master.room() * 4096))
    while "node2" not in master.ready():
        room = master.room()
        assert master.run("node1", "node2").faults.keys() <= {"node2"}
        if "node2" not in master.ready():
            failures += 1
            assert not master.root("node2").exists()
            assert not (master.data / "roots/node2").exists()
            assert master.room() == room
            os.truncate(filler, filler.stat().st_size - (64 << 10))
    assert failures > 3
    assert master.plan("node1", "node2").empty
    master.unmount("node2")
    subprocess.run(["e2fsck", "-fn", master.layout.disk("node2")], check=True, capture_output=True)


# --- leave -----------------------------------------------------------------------------------------------------------


def test_a_root_that_leaves_is_archived_with_its_data(master):
    master.run("node1", "node2")
    (master.root("node1") / "results").write_text("42\n")
    master.leave("node1")
    assert not master.root("node1").exists()
    assert master.ready() == ["node2"]
    [grave] = (master.data / "archive").iterdir()
    assert archived(master, grave, "results") == "42\n"
    assert "node1" not in Path(master.layout.fstab).read_text()
    assert str(master.root("node1")) not in _volumes.mounted()


def archived(master: Master, grave: Path, path: str) -> str:
    """What a node wrote into a file of its archived root."""
    inside = f"/upper/{path}" if master.strategy == "overlay" else f"/{path}"
    return subprocess.run(["debugfs", "-R", f"cat {inside}", grave / "root.ext4"], capture_output=True, text=True, check=True).stdout


def test_a_root_that_is_purged_is_deleted(master):
    master.run("node1", "node2")
    room = master.room()
    master.run("node1", "node2", "node3")
    master.leave("node3", purge=True)
    assert master.room() == pytest.approx(room, abs=3)
    assert list((master.data / "archive").iterdir()) == []


def test_a_node_that_comes_back_gets_a_new_root(master):
    master.run("node1")
    key = master.records()["node1"].host_key
    master.leave("node1")
    assert master.run("node1").create == ["node1"]
    assert master.records()["node1"].host_key != key


def test_nothing_leaves_without_pruning(master):
    master.run("node1", "node2")
    assert master.plan("node1", prune=False).leave == []
    assert master.plan("node1").leave == ["node2"]


def test_a_root_in_use_by_the_master_stays_and_says_so(disk):
    master = Master(disk("images"), disk("data"), "overlay")
    master.run("node1")
    with open(master.root("node1") / "etc/hostname"), pytest.raises(_records.RootError, match=r"node1 .*busy"):
        master.leave("node1")
    assert (master.root("node1") / "etc/hostname").read_text() == "node1\n"
    assert master.ready() == ["node1"]


def test_a_root_is_ready_only_when_all_of_it_is_there(master):
    seen = []
    done = threading.Event()

    def watch():
        while not done.is_set():
            for name, record in master.records().items():
                if record.state == "ready" and not (Path(record.path) / "etc/ssh/ssh_host_ed25519_key").exists():
                    seen.append(name)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        master.run("node1", "node2", "node3")
    finally:
        done.set()
        watcher.join()
    assert seen == []
