"""A disk that is not blank is overwritten only on a word about that very disk: the installers' and configurations' own scripts, on loop devices.

build/disks.json has what became of each content in each state.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
import zlib

import pytest
import yaml
from ansible_collections.bootyard.netboot.plugins.module_utils import _installs
from ansible_collections.bootyard.netboot.plugins.plugin_utils import _cloud
from documents import ROOT
from installers import WRITTEN, Installer, make_fleet

MIB = 1 << 20
SIZE = 68 * MIB
DAY = 86400


# --- what there is on disks ------------------------------------------------------------------------------------------


class Disk:
    """A loop device that can be filled, and made blank again."""

    def __init__(self, path, size):
        self.path, self.size = path, size

    def put(self, offset, content):
        """Write somewhere, from the end if it is below zero."""
        with open(self.path, "r+b", buffering=0) as stream:
            stream.seek(offset if offset >= 0 else self.size + offset)
            stream.write(content)

    def blank(self):
        subprocess.run(["blkdiscard", "--force", self.path], check=True)

    def digest(self):
        with open(self.path, "rb") as stream:
            return zlib.crc32(stream.read())

    def file_system(self, kind="ext4", *words):
        subprocess.run([f"mkfs.{kind}", "-q", *words, self.path], check=True, capture_output=True)


def table(disk, *, copy_only=False):
    """GPT (UEFI specification, 5.3), with one partition."""
    last = disk.size // 512 - 1
    entry = (
        bytes.fromhex("af3dc60f838472478e793d69d8477de4")
        + bytes(range(16))
        + (2048).to_bytes(8, "little")
        + (last - 64).to_bytes(8, "little")
    )
    entries = entry.ljust(16384, b"\0")

    def header(here, there, table_at):
        places = [here, there, 34, last - 33]
        numbers = b"".join(place.to_bytes(8, "little") for place in places)
        rest = table_at.to_bytes(8, "little") + b"\x80\0\0\0\x80\0\0\0" + zlib.crc32(entries).to_bytes(4, "little")
        start = b"EFI PART\0\0\1\0\x5c\0\0\0"
        whole = numbers + bytes(range(16)) + rest
        return start + zlib.crc32(start + bytes(8) + whole).to_bytes(4, "little") + bytes(4) + whole

    if not copy_only:
        disk.put(446, bytes([0, 0, 2, 0, 0xEE, 255, 255, 255, 1, 0, 0, 0]) + last.to_bytes(4, "little"))
        disk.put(510, b"\x55\xaa")
        disk.put(512, header(1, last, 2))
        disk.put(1024, entries)
    disk.put(-33 * 512, entries)
    disk.put(-512, header(last, 1, last - 32))


def damaged(disk):
    """A file system with files, whose first 4 KiB are gone."""
    disk.file_system()
    disk.put(0, bytes(4096))


def beheaded(disk):
    """A file system whose first and last 32 MiB are gone: copies of its superblock are left, the first one where it is with blocks of 1 KiB."""
    disk.file_system("ext4", "-b", "1024")
    for offset in (0, disk.size - 32 * MIB):
        for part in range(32):
            disk.put(offset + part * MIB, bytes(MIB))


CONTENTS = {
    "blank": lambda disk: None,
    "the last byte": lambda disk: disk.put(-1, b"x"),
    "random bytes": lambda disk: disk.put(0, os.urandom(4 * MIB)),
    "random bytes in the middle": lambda disk: disk.put(40 * MIB, os.urandom(8 * MIB)),
    "text": lambda disk: disk.put(0, b"0 INFO this log is all that there is\n" * 1000),
    "ext4": lambda disk: disk.file_system(),
    "ext4, first 4 KiB damaged": damaged,
    "ext4, both ends gone": beheaded,
    "GPT": table,
    "GPT, only the copy at the end": lambda disk: table(disk, copy_only=True),
    "LUKS": lambda disk: disk.put(
        0, b"LUKS\xba\xbe\0\1" + b"aes".ljust(32, b"\0") + b"xts-plain64".ljust(32, b"\0") + b"sha256".ljust(32, b"\0")
    ),
    "LVM": lambda disk: disk.put(512, b"LABELONE" + bytes(16) + b"LVM2 001" + b"a" * 32),
    "RAID member, superblock at the end": lambda disk: disk.put(-65536, bytes.fromhex("fc4e2ba9") + bytes(252)),
    "copy of a btrfs superblock": lambda disk: disk.put(64 * MIB, bytes(64) + b"_BHRfS_M"),
}

#: What is known, as markers: each with the disk that it is about, and for how many seconds.
STATES = {
    "nothing": {},
    "installing this": {"installing": ("this", DAY)},
    "installing another": {"installing": ("another", 0)},
    "wipe this": {"wipe": ("this", 60)},
    "wipe another": {"wipe": ("another", 0)},
    "wipe this, long ago": {"wipe": ("this", _installs.LIFE + 60)},
    "installed this": {"installed": ("this", 0)},
    "installed another": {"installed": ("another", 0)},
}
#: What is less likely, and is not tried with every content.
MORE_STATES = {
    "refused": {"refused": ("this", 0)},
    "installing this, long ago": {"installing": ("this", _installs.LIFE + 60)},
    "wipe this, from the future": {"wipe": ("this", -3600)},
    "wipe no disk": {"wipe": None},
    "installed no disk": {"installed": None},
    "installed this, wipe this": {"installed": ("this", DAY), "wipe": ("this", 0)},
    "installed this, wipe another": {"installed": ("this", DAY), "wipe": ("another", 0)},
    "installed another, wipe another": {"installed": ("another", DAY), "wipe": ("another", 0)},
}
#: These let it be overwritten, whatever is there; these let nothing be written.
ALLOW = {"installing this", "wipe this", "installed this, wipe this"}
FORBID = {"installed this", "installed another", "installed no disk", "installed this, wipe another"}
CELLS = [(content, state) for content in CONTENTS for state in (STATES | MORE_STATES if content in ("blank", "text") else STATES)]


def expected(content, state):
    return "refused" if state in FORBID else "written" if state in ALLOW or content == "blank" else "refused"


# --- installers ------------------------------------------------------------------------------------------------------


@pytest.fixture
def installer(machine, tmp_path):
    made = Installer(machine, tmp_path, SIZE)
    yield made
    made.detach()


@pytest.fixture
def disk(installer):
    return Disk(installer.disk, SIZE)


def put_state(installer, state):
    known = {"this": installer.identity(), "another": f"serial-OTHER {SIZE}"}
    installer.master.forget("here")
    for marker, about in (STATES | MORE_STATES)[state].items():
        if about:
            installer.master.mark("here", marker, known[about[0]], about[1])
        else:
            installer.master.mark("here", marker, text="")


def outcome(installer, disk):
    """What a boot of the installer makes of it: written or refused, and if it is refused nothing was touched."""
    before = disk.digest()
    _code, said = installer.run()
    if installer.content(size=len(WRITTEN)) == WRITTEN:
        assert "INSTALLED onto" in said, said
        assert installer.master.marks("here") == ["installed"] or "refused" in installer.master.marks("here")
        assert installer.master.state("here") == "installed"
        return "written"
    assert disk.digest() == before
    assert "NOTHING IS WRITTEN" in said, said
    # No word is left that would count for nothing at the next boot, too.
    assert not {"wipe", "installing"} & set(installer.master.marks("here")), said
    return "refused"


def test_the_matrix(installer, disk):
    found = {content: {} for content in CONTENTS}
    for content, state in CELLS:
        disk.blank()
        CONTENTS[content](disk)
        put_state(installer, state)
        found[content][state] = outcome(installer, disk)
    (ROOT / "build/disks.json").write_text(json.dumps(found, indent=2) + "\n")
    wrong = [(content, state, found[content][state]) for content, state in CELLS if found[content][state] != expected(content, state)]
    assert not wrong, wrong


@pytest.mark.parametrize("size", [MIB, 32 * MIB, 32 * MIB + 512, 33 * MIB + 512, 1 << 40])
def test_disks_of_any_size_are_read_to_their_ends(installer, size):
    """Each odd place of them; a terabyte takes seconds."""
    disk = Disk(installer.attach(size), size)
    for offset in (
        (0, 4096, size // 2 // 4096 * 4096 - 1, size - 1) if size < 1 << 40 else (0, 16 * MIB - 1, size // 2, size - 16 * MIB, size - 1)
    ):
        disk.put(offset, b"x")
        begun = time.monotonic()
        assert "is not blank (data without a signature" in installer.run(disk.path)[1], offset
        assert time.monotonic() - begun < 20
        disk.put(offset, b"\0")
    installer.master.forget("here")
    code, said = installer.run(disk.path)
    assert code == 0, said
    assert installer.content(disk.path, 65536) == WRITTEN


def test_what_cannot_be_read_is_not_blank(installer, disk, tmp_path):
    """The image behind the disk is cut off, so that its end cannot be read."""
    os.truncate(tmp_path / "image0", SIZE - 4 * MIB)
    _code, said = installer.run()
    assert "is not blank" in said
    assert not any(installer.content(size=MIB))
    os.truncate(tmp_path / "image0", SIZE)
    (tmp_path / "bin/wipefs").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin/wipefs").chmod(0o755)
    assert "is not blank (wipefs cannot read it)" in installer.run()[1]


def test_a_reinstall_is_for_the_disk_that_is_there_now(installer, disk):
    """From a disk that the master does not know, over its refusal and the administrator's word, to one that is installed; then the disk is exchanged."""
    master = installer.master
    with pytest.raises(_installs.InstallError, match="here never told the master which disk there is"):
        master.run_playbook({"here"})
    disk.put(0, b"text")
    code, said = installer.run()
    assert (code, master.state("here")) == (0, "refused")
    assert master.states.reports("here")["refused"].disk == installer.identity()
    assert "is not blank (data without a signature in its first 16 MiB)" in master.states.reports("here")["refused"].note
    first = shutil.copytree(master.home, master.home.parent / "first")
    master.run_playbook({"here"})
    assert master.marks("here") == ["wipe"]
    backup = shutil.copytree(master.home, master.home.parent / "backup")
    code, said = installer.run()
    assert (code, master.marks("here")) == (0, ["installed"]), said
    assert disk.put(0, b"mine") is None
    # Last week's backup is restored, of a time when it was to be installed anew, or was refused; one is older still, when words were kept there.
    (backup / "here/wipe").write_text("")
    (backup / "here/installing").write_text(_installs.Report(installer.identity(), int(time.time())).text())
    for restored in (backup, first):
        for path in [path for path in master.home.rglob("*") if path.is_file()]:
            path.unlink()
        shutil.copytree(restored, master.home, dirs_exist_ok=True)
        assert outcome(installer, disk) == "refused"
        assert installer.content(size=4) == b"mine"
    # Another disk of the same size, under the same name at this boot.
    master.forget("here")
    master.mark("here", "installed", installer.identity())
    master.run_playbook({"here"})
    other = Disk(installer.attach(SIZE), SIZE)
    other.put(0, b"data")
    code, said = installer.run(other.path)
    assert '"wipe" does not count' in said
    assert installer.content(other.path, 4) == b"data"
    assert master.marks("here") == ["installed", "refused"]
    assert master.states.reports("here")["refused"].disk == installer.identity(other.path)
    [node] = [node for node in master.fleet.installs if node.name == "here"]
    assert "it said: the master knows of no installation" in _installs.tells(node, "installed", master.states.reports("here"))


def test_an_installation_that_broke_off_goes_on(installer, disk, tmp_path):
    (tmp_path / "bin/sync").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin/sync").chmod(0o755)
    code, said = installer.run()
    assert code != 0
    assert "IT BROKE OFF" in said
    assert installer.master.marks("here") == ["installing"]
    disk.put(0, b"half of it")
    (tmp_path / "bin/sync").unlink()
    assert outcome(installer, disk) == "written"


@pytest.fixture
def by_id(tmp_path):
    """A directory of links that are always the same disk's, as udev makes it; seen by nobody but these tests."""
    os.makedirs("/dev/disk", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/dev/disk"], check=True)
    os.mkdir("/dev/disk/by-id")
    yield "/dev/disk/by-id"
    subprocess.run(["umount", "/dev/disk"], check=True)


@pytest.mark.parametrize("others", ["", "/dev/sdz disk"])
def test_a_name_that_may_be_another_disks_is_not_written_to(installer, disk, by_id, others):
    """/dev/sda is whichever disk was found first, unless there is one only."""
    lasting = f"{by_id}/ata-MODEL_SERIAL"
    os.symlink(installer.disk, lasting)
    lsblk = installer.directory / "bin/lsblk"
    # Other disks can neither be given to this machine nor taken from it.
    lsblk.write_text(
        f'#!/bin/sh\ncase "$*" in *NAME,TYPE*) printf "%s disk\\n%s\\n" {installer.disk} "{others}"; exit;; esac\nexec /usr/bin/lsblk "$@"\n'
    )
    lsblk.chmod(0o755)
    code, said = installer.run()
    assert f"{installer.disk} may be another disk at another boot; netboot_install_disk: {lasting} is always this one" in said
    assert code == 0, said
    if others:
        assert not any(installer.content(size=MIB))
        refused = installer.master.states.reports("here")["refused"].note
        assert (
            refused
            == f"{installer.disk} is only a name, and there is /dev/sdz, too; write netboot_install_disk: {lasting} if that is the one"
        )
        code, said = installer.run(lasting)
        assert code == 0, said
        assert "may be another disk" not in said
    assert installer.content(size=len(WRITTEN)) == WRITTEN


@pytest.mark.parametrize(
    ("wwn", "serial", "name"),
    [
        ("0x5000c500a1b2c3d4", "S3Z9", "wwn-0x5000c500a1b2c3d4"),
        ("", "QM 0\\x20\x1b[2J;$(id)", "serial-QM_0_x20_2J_id_"),
        ("", "", "path-virtual"),
    ],
)
def test_a_disk_is_known_by_what_it_says_of_itself(installer, disk, wwn, serial, name):
    """No disk of this machine says anything of itself, so that what lsblk says has to be put into its mouth."""
    lsblk = installer.directory / "bin/lsblk"
    answers = "\n".join(f"*'output {key} '*) printf '%s\\n' '{value}'; exit;;" for key, value in (("wwn", wwn), ("serial", serial)))
    lsblk.write_text(f'#!/bin/sh\ncase "$*" in\n{answers}\nesac\nexec /usr/bin/lsblk "$@"\n')
    lsblk.chmod(0o755)
    code, said = installer.run()
    assert code == 0, said
    told = installer.master.states.reports("here")["installed"].disk
    assert told.startswith(name)
    assert told.endswith(f" {SIZE}")


# --- how it was before -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("marker", ["", "refused"])
@pytest.mark.parametrize("what", ["file system", "partitions"])
def test_a_disk_that_is_not_blank_is_not_written(installer, what, marker):
    if marker:
        installer.master.mark("here", marker, installer.identity())
    if what == "partitions":
        installer.partition()
    else:
        installer.command("mkfs.ext4", "-q")
    before = installer.content()
    code, said = installer.run()
    assert installer.content() == before
    kind = "dos" if what == "partitions" else "ext4"
    assert f"*** bootyard: NOTHING IS WRITTEN to {installer.disk}: the master knows of no installation on {installer.disk}" in said
    assert f"is not blank ({kind})" in said
    assert code == 0
    assert installer.master.state("here") == "refused"


def test_who_is_installed_writes_nothing(installer):
    installer.master.mark("here", "installed", installer.identity())
    code, said = installer.run()
    assert code == 1
    assert "the master has this machine as installed" in said
    assert not any(installer.content())


def test_who_gets_no_clear_answer_writes_nothing(installer):
    os.chmod(installer.master.home / "here", 0)
    code, said = installer.run()
    assert code == 1
    assert "the master does not say whether this machine is installed: its answer is 403" in said
    assert not any(installer.content())


def test_who_cannot_report_that_it_begins_does_not_begin(installer):
    installer.master.mark("here", "wipe", installer.identity())
    (installer.master.memory / "here/installing").mkdir()
    code, said = installer.run()
    assert code != 0
    assert "IT BROKE OFF" in said
    assert not any(installer.content())


def test_a_disk_that_is_in_use_is_not_written(installer, tmp_path):
    installer.command("mkfs.ext4", "-q")
    installer.master.mark("here", "wipe", installer.identity())
    (tmp_path / "mounted").mkdir()
    subprocess.run(["mount", installer.disk, str(tmp_path / "mounted")], check=True)
    try:
        code, said = installer.run()
    finally:
        subprocess.run(["umount", str(tmp_path / "mounted")], check=True)
    assert (code, "is mounted" in said) == (0, True)
    assert installer.content(size=len(WRITTEN)) != WRITTEN


# --- disks of configurations -----------------------------------------------------------------------------------------


def said_to_systemd(text):
    [unit] = [unit["contents"] for unit in json.loads(text)["systemd"]["units"] if unit["name"] == "disk-1.service"]
    return json.loads(re.search(r"^ExecStart=/bin/sh -c (.*)$", unit, re.MULTILINE)[1].replace("%%", "%").replace("$$", "$"))


#: How each kind has its script; /dev/vdz stands for the disk.
SCRIPTS = {
    "nocloud": lambda text: yaml.safe_load(text)["bootcmd"][0][2],
    "coreos": lambda text: yaml.safe_load(text)["write_files"][0]["content"],
    "rancher": lambda text: yaml.safe_load(text)["runcmd"][0][2],
    "ignition": said_to_systemd,
    "preseed": lambda text: base64.b64decode(re.search(r"echo (\S+) \| base64", text)[1]).decode(),
}


@pytest.mark.parametrize("kind", SCRIPTS)
def test_what_makes_file_systems_leaves_alone_what_is_not_blank(installer, disk, tmp_path, kind):
    """The script of each kind of configuration; nothing is mounted, as that is this machine's own. All share one text, so that one tries every content."""
    profile = {"boot": "nfs", "image": "debian-12", "config": kind}
    entry = {"device": "/dev/vdz", "filesystem": "ext4"}
    node = {"netboot_ip": "10.0.33.77", "netboot_mac": "52:54:00:00:00:77", "netboot_profile": "p", "netboot_disks": [entry]}
    hosts, fleet = make_fleet(nodes={"one": node}, netboot_profiles={"p": profile})
    text = _cloud.render(fleet, hosts, [str(ROOT / "roles/cloud_config/templates")])["one"].files["config"]
    script = SCRIPTS[kind](text).replace("/dev/vdz", disk.path).replace("/etc/", f"{tmp_path}/etc/")
    (tmp_path / "etc").mkdir()
    made = {}
    for content in CONTENTS if kind == "nocloud" else ("blank", "text", "ext4, first 4 KiB damaged", "GPT, only the copy at the end"):
        disk.blank()
        CONTENTS[content](disk)
        before = disk.digest()
        subprocess.run(["sh"], input=script, text=True, check=True, capture_output=True)
        made[content] = disk.digest() != before
    assert made == {content: content == "blank" for content in made}
