"""What the default templates, and the parts that others can import, make of netboot_disks and netboot_containers."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml
from ansible_collections.bootyard.netboot.plugins.module_utils import _cloud_schema
from ansible_collections.bootyard.netboot.plugins.plugin_utils import _cloud
from documents import ROOT

DEFAULTS = ROOT / "roles/cloud_config/templates"
DISKS = [
    {"device": "/dev/vda", "label": "data", "mount": "/srv/data"},
    {"device": "/dev/vdb", "filesystem": "xfs", "mount": "/srv/old", "wipe": "never", "options": "ro"},
    {"device": "/dev/vdc", "mount": "/srv/new", "wipe": "always", "confirm": True},
    {"device": "/dev/vdd", "filesystem": "swap"},
    {"device": "/dev/vde", "confirm": True},
]
HOSTILE = 'a "b" $HOME %i \\1 {{ x }} <é>'
CONTAINERS = [
    {
        "name": "web",
        "image": "registry.example.com/web:1",
        "ports": ["8080:80"],
        "volumes": ["/srv/data:/data:ro"],
        "env": {"TOKEN": HOSTILE},
        "command": ["serve", HOSTILE],
    },
    {"name": "loaded", "image": "localhost/a", "archive": "http://10.0.33.1/images/a%20b.tar"},
]
PAYLOAD = {"netboot_disks": DISKS, "netboot_containers": CONTAINERS}


@pytest.fixture
def render(inventory, tmp_path):
    """The configuration of a node with disks and containers: render(kind, its own template)."""

    def run(kind, template="", variables=None):
        if template:
            (tmp_path / f"{kind}.j2").write_text(template)
        images = {"debian-12": {"suite": "bookworm", "extra_packages": ["podman"]}}
        profile = {"boot": "nfs", "image": "debian-12", "config": kind}
        made = inventory(netboot_profiles={"p": profile}, netboot_profile="p", netboot_images=images).node(
            "node1", **(PAYLOAD if variables is None else variables)
        )
        return _cloud.render(made.parse(), made.hosts, [str(tmp_path), str(DEFAULTS)])["node1"].files["config"]

    return run


def test_cloud_init_sets_up_what_is_there(render):
    made = yaml.safe_load(render("nocloud"))
    scripts = [entry[2] for entry in made["bootcmd"]]
    assert [bool(re.search("^ *mkfs|^ *mkswap", script, re.MULTILINE)) for script in scripts] == [True, False, True, True]
    assert ["wipefs --quiet --all" in script for script in scripts] == [False, False, True, False]
    assert "  mkfs.ext4 -q -F -L data /dev/vda\n" in scripts[0]
    assert "LABEL=data /srv/data ext4 defaults,nofail 0 2" in scripts[0]
    files = {file["path"]: file for file in made["write_files"]}
    assert files["/etc/bootyard/web.env"] == {"path": "/etc/bootyard/web.env", "permissions": "0600", "content": f"TOKEN={HOSTILE}\n"}
    assert not any("TOKEN=" in file["content"] for path, file in files.items() if path.endswith(".service"))
    assert ["systemctl", "enable", "container-loaded.service"] in made["runcmd"]


@pytest.mark.parametrize("kind", ["nocloud", "coreos", "preseed", "rancher"])
def test_nothing_is_made_of_nothing(render, kind):
    text = render(kind, variables={})
    assert not re.search("disk|container|units|runcmd|late_command", re.sub("^#.*", "", text, flags=re.MULTILINE))


def test_ignition_makes_file_systems_and_units(render):
    made = json.loads(render("ignition"))
    systems = {system["device"]: system for system in made["storage"]["filesystems"]}
    # Ignition would make them wherever it knows no signature.
    assert {device: system["wipeFilesystem"] for device, system in systems.items()} == {"/dev/vdc": True}
    units = {unit["name"]: unit["contents"] for unit in made["systemd"]["units"]}
    assert sorted(units) == [
        "container-loaded.service",
        "container-web.service",
        "dev-vdd.swap",
        "disk-1.service",
        "disk-2.service",
        "srv-data.mount",
        "srv-new.mount",
        "srv-old.mount",
    ]
    assert "Options=ro" in units["srv-old.mount"]
    assert "Before=srv-data.mount\n" in units["disk-1.service"]
    assert "WantedBy=dev-vdd.swap\n" in units["disk-2.service"]
    [env] = [file for file in made["storage"]["files"] if file["path"] == "/etc/bootyard/web.env"]
    assert env["mode"] == 0o600


def test_coreos_has_units(render):
    made = yaml.safe_load(render("coreos"))
    units = {unit["name"]: unit["content"] for unit in made["coreos"]["units"]}
    scripts = {file["path"]: file["content"] for file in made["write_files"]}
    assert [name for name in units if name.startswith("container")] == ["container-web.service", "container-loaded.service"]
    assert all(re.search(r"ExecStart=(\S+)", units[name])[1] in scripts for name in units if name.startswith("disk"))


def test_rancher_has_mounts_and_services(render):
    made = yaml.safe_load(render("rancher", variables={"netboot_disks": DISKS, "netboot_containers": CONTAINERS[:1]}))
    assert made["mounts"][0] == ["/dev/vda", "/srv/data", "ext4", "defaults,nofail"]
    assert made["rancher"]["services"]["web"] == {
        "image": "registry.example.com/web:1",
        "restart": "always",
        "ports": ["8080:80/tcp"],
        "volumes": ["/srv/data:/data:ro"],
        "environment": {"TOKEN": HOSTILE},
        "command": ["serve", HOSTILE],
    }
    with pytest.raises(_cloud.CloudError, match="loaded has an archive"):
        render("rancher")


TALOS = """{% import "lib/talos.j2" as lib %}
version: v1alpha1
machine:
  disks:
{{ lib.disks(disks) }}
"""


def test_talos_has_disks_of_its_kind(render):
    fine = {"device": "/dev/vdb", "filesystem": "xfs", "mount": "/var/mnt/data", "confirm": True}
    made = yaml.safe_load(render("talos", TALOS, {"netboot_disks": [fine]}))
    assert made["machine"]["disks"] == [{"device": "/dev/vdb", "partitions": [{"mountpoint": "/var/mnt/data"}]}]
    for other in ({"filesystem": "ext4"}, {"label": "a"}, {"wipe": "never"}, {"mount": "/srv"}):
        with pytest.raises(_cloud.CloudError, match="write filesystem: xfs"):
            render("talos", TALOS, {"netboot_disks": [{**fine, **other}]})
    with pytest.raises(_cloud.CloudError, match="Talos overwrites what is on /dev/vdb unless it has partitions"):
        render("talos", TALOS, {"netboot_disks": [{**fine, "confirm": False}]})


def test_a_template_of_ones_own_can_take_parts(render):
    text = '#cloud-config\n{% import "lib/nocloud.j2" as lib %}\nruncmd:\n  - [date]\n{{ lib.runcmd(containers) }}'
    assert len(yaml.safe_load(render("nocloud", text))["runcmd"]) == 6


# --- real readers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_cloud_inits_schema_takes_it(render, suite):
    checker = _cloud_schema.validator(_cloud_schema.Store(str(ROOT / "build/schemas")).load(suite))
    assert list(_cloud_schema.faults(checker, yaml.safe_load(render("nocloud")))) == []


def unit_of(render, name="container-web.service"):
    return {unit["name"]: unit["contents"] for unit in json.loads(render("ignition"))["systemd"]["units"]}[name]


def test_systemd_reads_the_units(render, tmp_path):
    for name in ("container-web.service", "container-loaded.service", "disk-1.service"):
        (tmp_path / name).write_text(unit_of(render, name))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *map(str, tmp_path.glob("*.service"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def installed(render):
    """The script that Debian's installer is to run in the new system."""
    [line] = [line for line in render("preseed").splitlines() if "late_command" in line]
    words = re.fullmatch(r"d-i preseed/late_command string in-target sh -c '(echo \S+ \| base64 -d) \| sh'", line)[1]
    return subprocess.run(["sh", "-c", words], capture_output=True, text=True, check=True).stdout


def test_a_shell_reads_the_scripts(render):
    scripts = [*(entry[2] for entry in yaml.safe_load(render("nocloud"))["bootcmd"]), installed(render)]
    for script in scripts:
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    assert "systemctl enable container-web.service" in scripts[-1]


def test_debians_installer_sets_up_the_new_system(render, tmp_path):
    """The script that it runs there, with a directory for the new system, and without disks, as they need a kernel."""
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    containers = {"netboot_containers": CONTAINERS}
    script = installed(lambda kind: render(kind, variables=containers))
    script = script.replace("/etc/", f"{tmp_path}/etc/").replace("systemctl", f"systemctl --root={tmp_path}")
    subprocess.run(["sh"], input=script, text=True, check=True, capture_output=True)
    env = tmp_path / "etc/bootyard/web.env"
    assert (env.read_text(), env.stat().st_mode & 0o777) == (f"TOKEN={HOSTILE}\n", 0o600)
    wanted = {link.name: link.is_symlink() for link in (tmp_path / "etc/systemd/system/multi-user.target.wants").iterdir()}
    assert wanted == {"container-web.service": True, "container-loaded.service": True}


@pytest.mark.parametrize(
    ("wipe", "before", "kept"), [("if_blank", "", False), ("if_blank", "other", True), ("never", "other", True), ("always", "other", False)]
)
def test_a_disk_that_is_not_blank_is_left_alone(render, tmp_path, wipe, before, kept):
    """The script itself; tests/conformance/test_disks.py has what else may be on a disk."""
    image = tmp_path / "image"
    image.write_bytes(bytes(8 << 20))
    if before:
        subprocess.run(["mkfs.ext4", "-q", "-F", "-L", before, image], check=True)
    disk = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=True).stdout.strip()
    entry = {"device": disk, "filesystem": "ext4", "label": "data", "wipe": wipe, "confirm": True}
    made = yaml.safe_load(render("nocloud", variables={"netboot_disks": [entry]}))
    # It would come into this machine's own file.
    script = made["bootcmd"][0][2].replace("/etc/fstab", f"{tmp_path}/fstab")
    try:
        subprocess.run(["sh", "-c", script], check=True)
    finally:
        subprocess.run(["losetup", "--detach", disk], check=True)
    label = subprocess.run(["blkid", "-p", "-s", "LABEL", "-o", "value", image], capture_output=True, text=True, check=False).stdout
    assert label.strip() == (before if kept else "data")
