"""Roots on real file systems: whole or not there, each node's own, and never a way out of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _personal, _records, _retire, _roots, _run
from isolation import NEW_NETWORK, in_child, killed_at, survivors, unshare

SETTINGS = _personal.Settings(
    password_hash="$6$salt$hash",
    authorized_keys=("ssh-ed25519 AAAAadmin",),
    tmpfs=("/tmp",),
    users=({"name": "mpi", "uid": 9999, "authorized_keys": ("ssh-ed25519 AAAAmpi",)},),
)
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nshadow:x:42:\n",
    "etc/shadow": "root:*:19000:0:99999:7:::\nsshd:!:19000::::::\n",
}


class Master:
    """Images on one file system, roots and exports on another."""

    def __init__(self, images: Path, data: Path, strategy: str) -> None:
        self.strategy, self.data = strategy, data
        self.base = images / "debian-12/0001-0/root"
        for path, text in {**ACCOUNTS, "etc/ssh/sshd_config": "Port 22\n", "boot/big": "x" * 300_000, "etc/hostname": "base\n"}.items():
            file = self.base / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        for number in range(60):
            (self.base / f"boot/small{number}").touch()
        (self.base / "root").mkdir()
        (self.base / "etc/shadow").chmod(0o640)
        os.chown(self.base / "etc/shadow", 0, 42)
        self.describe(bytes=400_000, inodes=70)
        self.layout = _records.Layout(str(images), f"{data}/roots", f"{data}/archive", f"{data}/nfs", f"{images}/roots.fstab")

    def describe(self, **size: int) -> None:
        (self.base.parent / "manifest.json").write_text(json.dumps(size))

    def wanted(self, *names: str, **identity) -> dict[str, _roots.Wanted]:
        made = {}
        for name in names:
            ip = f"10.0.33.{10 + int(name[4:])}"
            values = {"hosts": _personal.hosts([("head", "10.0.33.1"), (name, ip)]), **identity}
            made[name] = _roots.Wanted(_personal.Identity(name, ip, ("52:54:00:00:00:01",), "10.0.33.1", **values), "debian-12", "0001-0")
        return made

    def plan(self, *names: str, settings=SETTINGS, prune=True, **identity) -> _roots.Plan:
        return _roots.plan(self.layout, self.records(), self.wanted(*names, **identity), settings, prune)

    def run(self, *names: str, settings=SETTINGS, **identity) -> _roots.Plan:
        records, wanted = self.records(), self.wanted(*names, **identity)
        todo = _roots.plan(self.layout, records, wanted, settings, True)
        _roots.apply(self.layout, todo, records, wanted, settings, self.strategy)
        return todo

    def leave(self, *names: str, purge=False) -> None:
        _retire.leave(self.layout, self.records(), names, purge)

    def records(self) -> dict[str, _records.Record]:
        return _records.load(self.layout)

    def ready(self) -> list[str]:
        return sorted(name for name, record in self.records().items() if record.state == "ready")

    def root(self, name: str) -> Path:
        return self.data / "nfs" / name

    def room(self) -> tuple[int, int]:
        room = os.statvfs(self.data)
        return room.f_bfree, room.f_ffree


@pytest.fixture(params=["overlay", "copy"])
def master(request, disk):
    return Master(disk("images"), disk("data"), request.param)


@pytest.fixture
def copying(disk):
    """A master with little room, and one root in it."""
    master = Master(disk("images"), disk("data", "size=2m,nr_inodes=600"), "copy")
    master.run("node1")
    return master


def fingerprint(tree: Path) -> dict[str, tuple]:
    """Every entry of a tree: what it is, whose, when it changed and a checksum."""
    found = {}
    for path in sorted(tree.rglob("*")):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(status.st_mode) else None
        found[str(path.relative_to(tree))] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, content)
    return found


def texts(tree: Path) -> dict[str, str]:
    return {str(path.relative_to(tree)): path.read_text() for path in tree.rglob("*") if path.is_file() and not path.is_symlink()}


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
    assert master.run("node1", "node2").empty
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


def test_a_foreign_directory_is_in_nobodys_way(master):
    (master.root("node2") / "photos").mkdir(parents=True)
    with pytest.raises(_records.RootError, match=f"{master.root('node2')}; move them away"):
        master.run("node1", "node2")
    assert master.records() == {}
    assert (master.root("node2") / "photos").is_dir()


def test_a_stray_file_among_the_roots_is_no_root(master):
    master.run("node1")
    (master.data / "roots/README").write_text("mine\n")
    assert list(master.records()) == ["node1"]


@pytest.mark.parametrize("where", ["memory", "the disk"])
def test_the_cheapest_strategy_is_an_overlay_where_the_file_system_can(disk, tmp_path, where):
    data = disk("data") if where == "memory" else tmp_path
    (data / "roots/.probe/left by a killed run").mkdir(parents=True)
    assert _roots.cheapest(_records.Layout(roots=f"{data}/roots")) == "overlay"
    assert os.listdir(data / "roots") == []


def test_the_cheapest_strategy_is_a_copy_where_no_overlay_can_be(disk):
    memory = disk("memory")
    for name in ("lower", "upper", "work", "merged"):
        (memory / name).mkdir()
    subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", "lowerdir=lower,upperdir=upper,workdir=work", "merged"], cwd=memory, check=True
    )
    assert _roots.cheapest(_records.Layout(roots=f"{memory}/merged/roots")) == "copy"


def test_the_master_mounts_ready_overlays_when_it_starts(master):
    master.run("node1", "node2")
    lines = Path(master.layout.fstab).read_text().splitlines()
    assert [line.split()[1] for line in lines] == (
        [str(master.root(name)) for name in ("node1", "node2")] if master.strategy == "overlay" else []
    )
    for line in lines:
        subprocess.run(["umount", line.split()[1]], check=True)
    if lines:
        assert not (master.root("node1") / "etc").exists()
        todo = master.run("node1", "node2")
        assert (todo.create, todo.update, todo.mount) == ([], {}, ["node1", "node2"])
    assert (master.root("node1") / "etc/hostname").read_text() == "node1\n"


# --- fault test 24, the server's half --------------------------------------------------------------------------------


def test_what_one_node_writes_is_in_no_other_root_and_not_in_the_image(master):
    master.run("node1", "node2")
    base, other = fingerprint(master.base), fingerprint(master.root("node2"))
    own = master.root("node1")
    (own / "boot/big").write_text("changed")
    with open(own / "boot/small1", "a") as file:
        file.write("more")
    (own / "boot/small2").chmod(0o4755)
    (own / "boot/small3").unlink()
    (own / "new").write_text("new")
    assert fingerprint(master.base) == base
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
    with contextlib.suppress(_records.RootError):
        master.run("node1", settings=changed, hosts="10.0.33.1 head\n")
    assert fingerprint(outside) == before
    assert "precious" not in str(texts(master.root("node1")))


def test_a_root_that_cannot_be_updated_is_named(master):
    master.run("node1", "node2")
    subprocess.run(["mv", "etc", "moved"], cwd=master.root("node1"), check=True)
    (master.root("node1") / "etc").symlink_to("moved")
    with pytest.raises(_records.RootError, match=r"could not be updated, all others are up to date: node1 \("):
        master.run("node1", "node2", hosts="10.0.33.1 head\n")


def test_one_root_that_cannot_be_updated_holds_up_no_other(master):
    master.run("node1", "node2")
    subprocess.run(["mv", "etc", "moved"], cwd=master.root("node1"), check=True)
    (master.root("node1") / "etc").symlink_to("moved")
    with pytest.raises(_records.RootError, match=r"node1 \("):
        master.run("node1", "node2", hosts="10.0.33.1 head\n")
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
        with pytest.raises(_records.RootError, match=r"could not be updated, all others are up to date: node1 \("):
            master.run("node1", settings=changed)
    else:
        master.run("node1", settings=changed)
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
    assert sorted(os.listdir(master.data)) == ["archive", "nfs", "roots"]
    assert [os.listdir(master.data / name) for name in ("archive", "nfs", "roots")] == [[], [], []]


def test_a_half_made_root_with_a_mount_in_it_is_remade_only_without(copying):
    step = 0
    while not (copying.data / "roots/node2/root.json").exists():
        killed_at(step, _roots, lambda: copying.run("node1", "node2"))
        step += 10
    mounted = copying.root("node2") / "mnt"
    mounted.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mounted], check=True)
    (mounted / "precious").touch()
    with pytest.raises(_records.RootError, match="is mounted; unmount it and run again"):
        copying.run("node1", "node2")
    assert (mounted / "precious").exists()
    assert copying.ready() == ["node1"]
    subprocess.run(["umount", mounted], check=True)
    copying.run("node1", "node2")
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
        hostname = grave / ("upper" if master.strategy == "overlay" else "root") / "etc/hostname"
        assert hostname.read_text() == "node1\n"
        subprocess.run(["rm", "-r", grave], check=True)
        step += 5


def test_no_helper_of_a_killed_run_goes_on_writing(disk):
    master = Master(disk("images", "size=900m"), disk("data", "size=900m"), "copy")
    with open(master.base / "boot/huge", "wb") as file:
        file.write(bytes(400 << 20))
    child = os.fork()
    if not child:
        master.run("node1")
        os._exit(0)
    deadline = time.monotonic() + 20
    while not (master.root("node1") / "boot").exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert survivors(str(master.data)) == []
    (master.base / "boot/huge").unlink()
    master.run("node1")
    assert master.ready() == ["node1"]


# --- fault test 11: disk full, inodes full ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ({"bytes": 9 << 20, "inodes": 10}, "has 1 MiB left, a copy of debian-12 takes 9"),
        ({"bytes": 10, "inodes": 9999}, "inodes left, a copy of debian-12 takes 9999"),
        ({"bytes": 10, "inodes": 10}, "No space left on device"),
    ],
    ids=["too big by its manifest", "too many inodes by its manifest", "full while copying"],
)
@pytest.mark.parametrize("full", ["bytes", "inodes"])
def test_a_full_disk_leaves_no_half_root(copying, size, said, full):
    copying.describe(**size)
    if full == "bytes":
        (copying.base / "boot/bigger").write_bytes(b"x" * (3 << 20))
    else:
        for number in range(700):
            (copying.base / f"boot/more{number}").touch()
    before, room = fingerprint(copying.data), copying.room()
    with pytest.raises(
        _records.RootError, match=f"the root of node2 could not be made and is gone again, the others are untouched: .*{said}"
    ):
        copying.run("node1", "node2")
    after = fingerprint(copying.data)
    assert {path: entry for path, entry in after.items() if path not in ("nfs", "roots")} == {
        path: entry for path, entry in before.items() if path not in ("nfs", "roots")
    }
    assert copying.room() == room
    assert copying.ready() == ["node1"]


def test_a_disk_that_fills_up_at_any_moment_leaves_no_half_root(copying):
    copying.describe(bytes=10, inodes=10)
    filler = copying.data / "filler"
    filler.mkdir()
    for number in range(copying.room()[1]):
        (filler / str(number)).touch()
    failures = 0
    while "node2" not in copying.ready():
        room = copying.room()
        with contextlib.suppress(_records.RootError, OSError):
            copying.run("node1", "node2")
        if "node2" not in copying.ready():
            failures += 1
            assert not copying.root("node2").exists()
            assert not (copying.data / "roots/node2").exists()
            assert copying.room() == room
            for name in sorted(os.listdir(filler))[:4]:
                (filler / name).unlink()
    assert failures > 10
    assert copying.plan("node1", "node2").empty


# --- leave -----------------------------------------------------------------------------------------------------------


def test_a_root_that_leaves_is_archived_with_its_data(master):
    master.run("node1", "node2")
    (master.root("node1") / "results").write_text("42\n")
    master.leave("node1")
    assert not master.root("node1").exists()
    assert master.ready() == ["node2"]
    [grave] = (master.data / "archive").iterdir()
    assert [path.read_text() for path in grave.rglob("results")] == ["42\n"]
    assert "node1" not in Path(master.layout.fstab).read_text()
    assert str(master.root("node1")) not in _records.mounts()


def test_a_root_that_is_purged_is_deleted(master):
    master.run("node1", "node2")
    room = master.room()
    master.run("node1", "node2", "node3")
    master.leave("node3", purge=True)
    assert master.room() == (pytest.approx(room[0], abs=3), pytest.approx(room[1], abs=3))
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
    with open(master.root("node1") / "etc/hostname"), pytest.raises(_records.RootError, match="busy"):
        master.leave("node1")
    assert (master.root("node1") / "etc/hostname").read_text() == "node1\n"
    assert master.ready() == ["node1"]


def test_archives_expire(master):
    now = int(time.time())
    for name in (f"node1.{now - 31 * 86400}", f"node2.{now - 29 * 86400}", "node3.backup", "mine"):
        (master.data / "archive" / name).mkdir(parents=True)
    [old] = _retire.expired(master.layout, 30)
    assert os.path.basename(old).startswith("node1.")
    _retire.remove_expired([old])
    assert _retire.expired(master.layout, 30) == []
    assert len(os.listdir(master.data / "archive")) == 3


def test_no_archive_no_expiry(tmp_path):
    assert _retire.expired(_records.Layout(archive=str(tmp_path / "none")), 0) == []


# --- in use ----------------------------------------------------------------------------------------------------------


def test_a_node_that_is_up_is_in_use():
    def look():
        unshare(NEW_NETWORK)
        for command in ("link set lo up", "link add br0 type bridge", "address add 10.0.33.1/24 dev br0", "link set br0 up"):
            subprocess.run(["ip", *command.split()], check=True)
        # A machine on the bridge that refuses all connections silently.
        machine = "ip link set eth0 up; ip address add 10.0.33.11/24 dev eth0; ip route add blackhole 10.0.33.1; exec sleep 60"
        process = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", f"while ! ip link show eth0; do sleep 0.1; done 2>/dev/null; {machine}"],
            stdout=subprocess.DEVNULL,
        )
        time.sleep(0.3)
        subprocess.run(["ip", "link", "add", "port", "type", "veth", "peer", "name", "eth0", "netns", str(process.pid)], check=True)
        subprocess.run(["ip", "link", "set", "port", "master", "br0", "up"], check=True)
        time.sleep(1)
        records = [
            _records.Record(f"node{i}", ip, "", "", "", "", 1)
            for i, ip in enumerate(["10.0.33.11", "10.0.33.12", "127.0.0.1", "10.99.0.1"])
        ]
        assert [record.node for record in _retire.in_use(records)] == ["node0", "node2"]
        process.kill()

    assert in_child(look) == 0


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
