"""A fleet and its templates make the files that nodes fetch, or one error that has all that is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.parse

import pytest
import yaml
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import LINK
from ansible_collections.bootyard.netboot.plugins.module_utils._profiles import PROFILES
from ansible_collections.bootyard.netboot.plugins.plugin_utils import _cloud
from documents import ROOT
from hypothesis import given
from hypothesis import strategies as st

DEFAULTS = ROOT / "roles/cloud_config/templates"
KEYS = ["ssh-ed25519 AAAA a@b"]


@pytest.fixture
def render(inventory, tmp_path):
    """Renders one node: render(kind, {template: text}, variables of the node, **keys of the profile)."""

    def run(kind, templates=(), variables=(), **profile):
        for name, text in dict(templates).items():
            (tmp_path / name).write_text(text)
        common = {"netboot_profiles": {"p": {"boot": "local", "config": kind, **profile}}, "netboot_profile": "p"}
        made = inventory(**common).node("node1", **dict(variables))
        return _cloud.render(made.parse(), made.hosts, [str(tmp_path), str(DEFAULTS)])["node1"]

    return run


def faults(render, *arguments, **options):
    with pytest.raises(_cloud.CloudError) as caught:
        render(*arguments, **options)
    return [(fault.template, fault.line, fault.message) for fault in caught.value.faults]


# --- what a template sees --------------------------------------------------------------------------------------------

layers = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9), max_size=4)


@given(layers, layers, layers)
def test_host_beats_group_beats_common(common, group, host):
    work = _cloud._Work(_node(), "coreos", "", {}, (), {})
    values = _cloud._values(work, _Fleet(), {}, {"netboot_vars_common": common, "netboot_vars_group": group, "netboot_vars": host})
    for name in "abcd":
        assert values.get(name) == host.get(name, group.get(name, common.get(name)))


def _node():
    return _cloud.Node("node1", ("52:54:00:00:00:01",), "10.0.33.11", "lab", "p")


class _Fleet:
    def config_url(self, node):
        return ""


def test_a_template_sees_the_node_and_its_network(render):
    text = "#cloud-config\n# {{ node | tojson }} {{ network | tojson }}\nhostname: {{ hostname }}\n"
    text += "# {{ private_ipv4 }} {{ config_url }} {{ disks[0].source }} {{ containers }}\n"
    lines = render("coreos", {"coreos.j2": text}, {"netboot_disks": [{"device": "/dev/sda"}]}).files["config"].splitlines()
    node, network = json.JSONDecoder().raw_decode(lines[1][2:])[0], json.loads(lines[1][lines[1].index("} {") + 2 :])
    assert (node["name"], node["ip"], node["macs"]) == ("node1", "10.0.33.11", ["52:54:00:00:00:01"])
    assert (network["address"], network["netmask"], network["prefix"]) == ("10.0.33.1", "255.255.255.0", 24)
    assert lines[2:] == ["hostname: node1", "# 10.0.33.11 http://10.0.33.1/cloud/config /dev/sda []"]


def test_a_seeds_template(render):
    """Seed 002's names, where one is the beginning of another and the host overrides what is common."""
    text = "#cloud-config\nhostname: $hostname\nwrite_files:\n  - path: /a\n    content: $private_ipv4 $public_ipv4 $public_ipv4_gw $dns $$HOME ${x}\n"
    variables = {
        "netboot_vars_common": {"public_ipv4_gw": "G", "dns": "common"},
        "netboot_vars": {"public_ipv4": r"\1{{ x }}", "dns": "own"},
    }
    made = render("coreos", {"etcd2.yaml": text}, {**variables, "netboot_template": "etcd2.yaml"}, template="default.yaml")
    assert yaml.safe_load(made.files["config"])["write_files"][0]["content"] == r"10.0.33.11 \1{{ x }} G own $HOME ${x}"


@pytest.mark.parametrize("name", ["node", "disks", "public-ipv4", "$hostname", "1st"])
def test_a_variable_that_no_template_could_name_is_refused(render, name):
    [(_template, _line, message)] = faults(render, "coreos", {}, {"netboot_vars": {name: 1}})
    assert message.startswith(f"netboot_vars.{name} cannot be named in a template")


# --- kinds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["nocloud", "coreos", "rancher", "ignition"])
@pytest.mark.parametrize("variables", [{}, {"ssh_authorized_keys": KEYS}], ids=["bare", "keys"])
def test_each_kind_has_a_template_of_its_own(render, kind, variables):
    config = yaml.safe_load(render(kind, {}, {"netboot_vars": variables}).files["config"])
    assert config["storage" if kind == "ignition" else "hostname"]
    assert ("AAAA" in json.dumps(config)) == bool(variables)


def test_nocloud_has_all_its_files_and_a_new_instance_for_a_new_configuration(render):
    files = [render("nocloud", {}, {"netboot_vars": {"hostname": name}}).files for name in ("a", "a", "b")]
    assert set(files[0]) == {"config", "meta-data", "vendor-data", "network-config"}
    ids = [yaml.safe_load(made["meta-data"])["instance-id"] for made in files]
    assert ids[0] == ids[1] != ids[2]
    templates = {"m.j2": "instance-id: {{ node.mac }}\n", "v.j2": "#!/bin/sh\n"}
    own = render("nocloud", templates, template={"meta-data": "m.j2", "vendor-data": "v.j2"})
    assert own.files["meta-data"] == "instance-id: 52:54:00:00:00:01\n"
    assert own.files["vendor-data"] == "#!/bin/sh\n"
    assert own.data == {"preserve_hostname": False, "hostname": "node1"}


def test_what_is_no_cloud_config_goes_out_unparsed(render):
    assert render("nocloud", {"nocloud.j2": "#!/bin/sh\n: [\n"}).data is None


def test_butanes_form_becomes_ignitions(render):
    text = """\
variant: flatcar
version: 1.1.0
storage:
  files:
    - path: /etc/motd
      mode: 0640
      contents: {inline: "{{ hostname }}"}
  filesystems:
    - {device: /dev/disk/by-label/my-data, path: /var/lib/my-data, format: ext4, with_mount_unit: true}
"""
    made = json.loads(render("ignition", {"ignition.j2": text}, ignition="3.4.0").files["config"])
    assert made["ignition"] == {"version": "3.4.0"}
    assert made["storage"]["files"] == [{"path": "/etc/motd", "mode": 0o640, "contents": {"source": "data:,node1"}}]
    [unit] = made["systemd"]["units"]
    assert unit["name"] == "var-lib-my\\x2ddata.mount"
    assert "Requires=systemd-fsck@dev-disk-by\\x2dlabel-my\\x2ddata.service\n" in unit["contents"]
    assert "Where=/var/lib/my-data\nType=ext4\n" in unit["contents"]


def test_plain_ignition_stays(render):
    plain = {"ignition": {"version": "3.3.0"}, "storage": {"files": [{"path": "/a", "mode": 420, "contents": {"source": "data:,x"}}]}}
    assert json.loads(render("ignition", {"ignition.j2": json.dumps(plain)}).files["config"]) == plain


PRESEED = "# comment\nd-i passwd/root-login boolean true\nd-i pkgsel/include string \\\n  openssh-server\nd-i hw-detect/x note\n"
TALOS = "version: v1alpha1\nmachine: {type: worker}\n---\napiVersion: v1alpha1\nkind: HostnameConfig\nhostname: {{ hostname }}\n"


@pytest.mark.parametrize(("kind", "text"), [("preseed", PRESEED), ("talos", TALOS)])
def test_other_kinds_go_out_as_they_are_written(render, kind, text):
    assert render(kind, {f"{kind}.j2": text}).files == {"config": text.replace("{{ hostname }}", "node1").removesuffix("\n") + "\n"}


# --- what is wrong ---------------------------------------------------------------------------------------------------

CLOUD, RANCHER = "#cloud-config\n", "#cloud-config\nrancher:\n"
IGN = '{"ignition": {"version": "3.3.0"}, "%s": {"%s": [%s]}}'
WRONG = {  # kind, text, line, and a pattern of the message
    "user without a way in": ("nocloud", CLOUD + "users: [{name: a}]", 0, r"users\[0\] a has neither key nor password"),
    "core without a way in": ("ignition", IGN % ("passwd", "users", '{"name": "core"}'), 0, r"passwd.users\[0\] core has neither"),
    "coreos user without a way in": ("coreos", CLOUD + "users: [{name: a}]", 0, r"users\[0\] a has neither.*ssh-authorized-keys"),
    "disk wiped": (
        "nocloud",
        CLOUD + "disk_setup: {/dev/sdb: {overwrite: true}}",
        0,
        "disk_setup./dev/sdb wipes /dev/sdb; .*confirm: true",
    ),
    "file system wiped": ("nocloud", CLOUD + "fs_setup: [{device: /dev/sdb, overwrite: true}]", 0, r"fs_setup\[0\] wipes /dev/sdb"),
    "table wiped": ("ignition", IGN % ("storage", "disks", '{"device": "/dev/sdb", "wipeTable": true}'), 0, r"storage.disks\[0\] wipes"),
    "partition wiped": (
        "ignition",
        IGN % ("storage", "disks", '{"device": "/dev/sdb", "partitions": [{"wipePartitionEntry": true}]}'),
        0,
        r"storage.disks\[0\] wipes",
    ),
    "ignition file system wiped": (
        "ignition",
        IGN % ("storage", "filesystems", '{"device": "/dev/sdb", "wipeFilesystem": true}'),
        0,
        "wipes",
    ),
    "state in a URL": (
        "rancher",
        RANCHER + "  state: {dev: LABEL=S}",
        0,
        r"rancher.state is acted on before.*like rancher.state.dev=LABEL=S",
    ),
    "password in a URL": ("rancher", RANCHER + "  password: x", 0, "rancher.password is set before"),
    "docker too early": (
        "rancher",
        CLOUD + "runcmd: [[echo, a], sudo docker run x]",
        0,
        r"runcmd\[1\] runs before Docker.*rancher.services",
    ),
    "docker as words": ("rancher", CLOUD + "runcmd: [[docker, run]]", 0, r"runcmd\[0\] runs before Docker"),
    "mount of three": ("rancher", CLOUD + "mounts: [[a, b, c, d], [a, b, c]]", 0, r"mounts\[1\] has 3 fields.*give four"),
    "no header": ("coreos", "hostname: a\n", 1, "does not begin with #cloud-config"),
    "no header for cloud-init": ("nocloud", "hostname: a\n", 1, "begins with what cloud-init does not know"),
    "no YAML": ("coreos", CLOUD + "a: [\nb: c", 0, "line 3, at b: did not find expected ',' or ']'"),
    "key twice": ("rancher", CLOUD + "hostname: a\nhostname: b", 0, "line 3: hostname comes a second time"),
    "no mapping": ("nocloud", CLOUD + "- a", 0, "is no mapping of keys"),
    "slip of the pen": ("coreos", CLOUD + "write_file: []", 0, "write_file is no key of this kind; did you mean write_files"),
    "slip of the pen below": ("coreos", CLOUD + "coreos: {unit: []}", 0, "coreos.unit is no key of this kind; did you mean units"),
    "half a unit's name": ("coreos", CLOUD + "coreos: {units: [{name: etcd2}]}", 0, r"coreos.units\[0\].name is 'etcd2'"),
    "relative file": ("coreos", CLOUD + "write_files: [{path: a}]", 0, r"write_files\[0\].path is 'a'"),
    "preseed": ("preseed", "d-i a/b strnig x\n", 0, "line 1 is no answer"),
    "preseed for nobody": ("preseed", "d-i passwd/root-login boolean false\nd-i passwd/make-user boolean false\n", 0, "leaves nobody"),
    "preseed's disk wiped": (
        "preseed",
        "d-i partman-auto/method string regular\nd-i partman-auto/disk string /dev/sda",
        0,
        "wipes /dev/sda",
    ),
    "preseed's first disk": ("preseed", "d-i partman-auto/method string lvm", 0, "name it as partman-auto/disk"),
    "talos": ("talos", "machine: {}\n", 0, "machine has to be in one document"),
    "talos beside": ("talos", "version: v1alpha1\nmachine: {}\n---\na: 1\n", 0, "document 2 has no apiVersion"),
    "undefined": ("nocloud", CLOUD + "hostname: {{ naem }}", 2, "'naem' is undefined"),
    "butane of another spec": ("ignition", "variant: flatcar\nversion: 1.1.0\n", 0, "is spec 3.4.0; the profile has ignition: 3.3.0"),
    "ignition of another spec": ("ignition", "ignition: {version: 3.1.0}", 0, "the profile has ignition: 3.3.0"),
    "butane's local files": ("ignition", "storage: {trees: [{local: a}]}", 0, "storage.trees reads files where Butane runs"),
    "mount unit for nothing": ("ignition", "storage: {filesystems: [{device: /dev/sdb, with_mount_unit: true}]}", 0, "needs a path"),
}


@pytest.mark.parametrize(("kind", "text", "line", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_names_template_place_and_remedy(render, kind, text, line, said):
    [(template, at, message)] = faults(render, kind, {f"{kind}.j2": text})
    assert (template, at) == (f"{kind}.j2", line)
    assert re.search(said, message), message


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [("meta-data", "- a", "is no mapping"), ("network-config", "a: [", "line 1"), ("vendor-data", "a: b", "begins with")],
)
def test_the_other_files_are_read_as_well(render, file, text, said):
    [(template, _line, message)] = faults(render, "nocloud", {"t.j2": text}, template={file: "t.j2"})
    assert template == "t.j2"
    assert said in message


CONFIRMED = {
    "nocloud": CLOUD + "disk_setup: {/dev/sdb: {overwrite: true}}\nfs_setup: [{device: /dev/sdb, overwrite: true}]",
    "ignition": IGN % ("storage", "disks", '{"device": "/dev/sdb", "wipeTable": true}'),
    "preseed": "d-i partman-auto/method string regular\nd-i partman-auto/disk string /dev/sdb\n",
}


@pytest.mark.parametrize("kind", CONFIRMED)
def test_a_confirmed_disk_is_wiped(render, kind):
    assert render(kind, {f"{kind}.j2": CONFIRMED[kind]}, {"netboot_disks": [{"device": "/dev/sdb", "confirm": True}]})
    assert faults(render, kind, {}, {"netboot_disks": [{"device": "/dev/sdb", "confirm": False}]})
    assert faults(render, kind, {}, {"netboot_disks": [{"device": "/dev/sda", "confirm": True}]})


FINE = {
    "password by name": ("nocloud", CLOUD + "users: [{name: a}, default]\nchpasswd: {list: 'a:x'}"),
    "password in a list": ("nocloud", CLOUD + "users: [{name: a}]\nchpasswd: {users: [{name: a, password: x}]}"),
    "for a service": ("nocloud", CLOUD + "users: [{name: a, system: true}]"),
    "no user at all": ("ignition", '{"ignition": {"version": "3.3.0"}}'),
    "removed user": ("ignition", IGN % ("passwd", "users", '{"name": "core", "shouldExist": false}')),
    "six fields for cloud-init": ("nocloud", CLOUD + "mounts: [[/dev/sdb, /a, auto, defaults, '0', '2']]"),
    "docker as a service": ("rancher", RANCHER + "  services: {a: {image: docker}}\nruncmd: [echo dockerize]"),
    "nothing": ("nocloud", CLOUD),
}


@pytest.mark.parametrize(("kind", "text"), FINE.values(), ids=FINE)
def test_what_is_right_goes_out(render, kind, text):
    assert render(kind, {f"{kind}.j2": text})


def test_one_error_has_all_nodes_and_not_a_thousand_lines(inventory, tmp_path):
    (tmp_path / "coreos.j2").write_text("#cloud-config\nhostname: {{ nope }}\n")
    made = inventory({"pool": None}, netboot_profiles={"p": {"boot": "local", "config": "coreos"}}, netboot_profile="p")
    for number in range(2, 10):
        made.node(f"node{number}").node(f"good{number}", netboot_profile="debian-nfs").node(f"x{number}")
    made.hosts["node2"]["netboot_vars"] = {"nope": 1}
    fleet = made.parse()
    with pytest.raises(_cloud.CloudError) as caught:
        _cloud.render(fleet, made.hosts, [str(tmp_path)])
    assert len(caught.value.faults) == 15
    assert "node3: coreos.j2, line 2: 'nope' is undefined" in str(caught.value)
    error = _cloud.CloudError(caught.value.faults * 3)
    assert str(error).endswith("… and 25 more")


# --- installers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(name for name, profile in PROFILES.items() if profile.get("mode") == "install"))
@pytest.mark.parametrize("variables", [{}, {"ssh_authorized_keys": KEYS, "install_poweroff": True, "hostname": "$(id) 'other'"}])
def test_installers_are_scripts_that_a_shell_can_read(inventory, name, variables):
    own = {"netboot_profile": name, "netboot_install_disk": "/dev/disk/by-id/virtio-0", "netboot_kernel_args": "a=$(id) b;c {node}"}
    hosts = inventory().node("node1", **own, netboot_vars=variables)
    made = _cloud.render(hosts.parse(), hosts.hosts, [str(DEFAULTS)])
    assert made.keys() == {"node1", "node1/install"}
    config = yaml.safe_load(made["node1/install"].files["config"])
    if "write_files" in config:
        script = config["write_files"][0]["content"]
        assert config["runcmd"] == [config["write_files"][0]["path"]]
    else:
        [file] = config["storage"]["files"]
        script = urllib.parse.unquote(file["contents"]["source"].removeprefix("data:,"))
        assert file["path"] in config["systemd"]["units"][0]["contents"]
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False, capture_output=True).stderr == ""
    for line in ("disk=/dev/disk/by-id/virtio-0", "state=http://10.0.33.1/install/", f"final={'poweroff' if variables else 'reboot'}"):
        assert f"\n{line}\n" in script
    [arguments] = re.findall(r"^arguments=.*$", script, re.MULTILINE)
    shown = subprocess.run(["bash", "-c", f'{arguments}\nprintf %s "$arguments"'], capture_output=True, text=True, check=True)
    assert shown.stdout == "a=$(id) b;c node1"
    assert "$(id) 'other'" not in script
    assert ("AAAA a@b" in made["node1/install"].files["config"]) == bool(variables)


@pytest.mark.parametrize("name", sorted(name for name, profile in PROFILES.items() if profile.get("mode") == "install"))
def test_the_place_of_a_link_stays_where_nginx_finds_it(inventory, name):
    """No encoding hides it, whatever the kind of the configuration."""
    own = {"netboot_profile": name, "netboot_install_disk": "/dev/vda"}
    hosts = inventory(netboot_config_secret="0123456789abcdefghij").node("node1", **own)
    fleet = hosts.parse()
    config = _cloud.render(fleet, hosts.hosts, [str(DEFAULTS)])["node1/install"].files["config"]
    for url in (fleet.install_state_url(fleet.nodes[0]), fleet.config_url(fleet.nodes[0])):
        assert LINK in url
        assert url in urllib.parse.unquote(config)
    assert config.count(LINK) >= 2


def test_an_installer_that_is_wrong_is_told_by_its_template(inventory, tmp_path):
    (tmp_path / "i.j2").write_text("#cloud-config\nruncmd: {{ nothing }}\n")
    profile = {"boot": "http", "kernel": "k", "mode": "install", "config": "nocloud", "install_template": "i.j2"}
    hosts = inventory(netboot_profiles={"p": profile}).node("node1", netboot_profile="p", netboot_install_disk="/dev/vda")
    with pytest.raises(_cloud.CloudError) as caught:
        _cloud.render(hosts.parse(), hosts.hosts, [str(tmp_path), str(DEFAULTS)])
    assert [(fault.node, fault.template, fault.line) for fault in caught.value.faults] == [("node1", "i.j2", 2)]
