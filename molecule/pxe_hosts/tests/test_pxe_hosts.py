"""The blades of seed 002 get what they got from their container: addresses, PXELINUX by channel, and each its cloud-config."""

from __future__ import annotations

import json
import re
import shutil

import pytest
import testinfra
import yaml
from clients import boot, machine
from plays import ROOT, play

EXAMPLE, LOCK = ROOT / "inventory/examples/pxe-hosts", ROOT / "build/upstream/netboot.lock"
MASTER = f"--inventory={ROOT}/molecule/pxe_hosts/inventory"
BRIDGE, SERVER = "by-pxe-hosts", "192.168.90.2"
FILE = json.loads((EXAMPLE / "pxe_hosts.json").read_text())
HOSTS = FILE["hosts"]
NEW = {"macaddr": "e2:29:a2:da:43:b4", "$hostname": "docker-104", "$public_ipv4": "10.100.10.104", "channel": "beta"}
CHANNEL = {"stable": "4230.2.1", "beta": "4300.1.0"}


def host():
    return testinfra.get_host("docker://bootyard-mol-pxe-hosts")


def as_the_container_did(ip: str, file: dict = FILE) -> str:
    """What seed 002 makes of its file for an address, but that longer names come first: one was eaten by another that it begins with."""
    entry = file["hosts"][ip]
    values = {"$private_ipv4": ip} | {key: value for part in (file["common"], entry) for key, value in part.items() if key[0] == "$"}
    text = (EXAMPLE / "templates" / entry.get("template", "default.yaml")).read_text()
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(name, values[name])
    return text


@pytest.fixture(scope="module")
def blades():
    """The blades and one that nobody knows, at their addresses."""
    addresses = [*HOSTS, "192.168.90.66"]
    machines = [machine(BRIDGE, ip, mac=HOSTS.get(ip, {}).get("macaddr", "")) for ip in addresses]
    yield dict(zip(addresses, [context.__enter__() for context in machines], strict=True))
    for context in machines:
        context.__exit__(None, None, None)


def ask(blade, path="/", port=8080, *options):
    """Status and body, which for HEAD are the headers."""
    done = blade.run(
        "curl", "-s", "-m", "20", "--noproxy", "*", "--path-as-is", "-w", "\n%{http_code}", *options, f"http://{SERVER}:{port}{path}"
    )
    body, status = done.stdout.rsplit("\n", 1)
    return int(status), body


def from_the_master(path):
    """The body of an answer, or the status of an error."""
    asking = f"try: print(u.urlopen('http://{SERVER}:{path}').read().decode(), end='')\nexcept u.HTTPError as e: print(e.code, end='')"
    return host().run("python3 -c %s", f"import urllib.request as u\n{asking}").stdout


@pytest.fixture
def inventory(tmp_path):
    """A copy of the example that a test may change, and a run with it: run(playbook, *arguments)."""
    copy = tmp_path / "inventory"
    shutil.copytree(EXAMPLE, copy)

    def run(playbook="site.yml", *arguments):
        return play(playbook, f"--inventory={copy}", MASTER, "--diff", *arguments)

    run.path = copy
    return run


def listing():
    found = host().check_output("find /srv /etc/nginx /etc/bootyard -xdev ! -type d -printf '%p %i %T@ %s %l\\n' | sort")
    return set(found.splitlines())


# --- as it was converged ---------------------------------------------------------------------------------------------


def test_nothing_is_left_to_do(inventory):
    done = inventory()
    assert (done.code, done.changed) == (0, ()), done.output


@pytest.mark.parametrize("ip", HOSTS)
def test_a_blade_comes_to_the_kernel_of_its_channel(blades, ip):
    """By PXELINUX, whose configuration option 209 names, as by iPXE."""
    channel = HOSTS[ip]["channel"]
    answer = boot(BRIDGE, HOSTS[ip]["macaddr"])
    assert (answer.address, answer.next_server, answer.file) == (ip, SERVER, "/lpxelinux.0")
    assert answer.options[209] == f"pxelinux.cfg/{channel}".encode()
    assert int.from_bytes(answer.options[51]) == 3600
    kernel, initrd = (f"images/flatcar-{channel}/current/flatcar_production_pxe{part}" for part in (".vmlinuz", "_image.cpio.gz"))
    config = blades[ip].tftp(SERVER, f"pxelinux.cfg/{channel}").decode()
    assert re.findall(rf"(?:KERNEL|INITRD) http://{SERVER}/(\S+)", config) == [kernel, initrd]
    script = blades[ip].fetch(f"http://{SERVER}/by-mac/{HOSTS[ip]['macaddr'].replace(':', '-')}.ipxe").decode()
    assert re.findall(rf"http://{SERVER}/(images\S+)", script)[:2] == [kernel, initrd]
    for text in (config, script):
        assert f"console=ttyS1,19200n8 console=tty0 cloud-config-url=http://{SERVER}:8080" in text
    assert blades[ip].tftp(SERVER, kernel) == blades[ip].fetch(f"http://{SERVER}/{kernel}")


def test_the_containers_five_files(blades):
    """Under the names that they had; the kernel of each channel is what was signed."""
    node = next(iter(blades.values()))
    assert len(node.tftp(SERVER, "pxelinux.0")) > 30_000
    for channel, version in CHANNEL.items():
        for part in (".vmlinuz", "_image.cpio.gz"):
            upstream = f"/srv/mirror/{channel}/amd64-usr/{version}/flatcar_production_pxe{part}"
            assert host().check_output(f"cmp {upstream} /srv/tftp/coreos_{channel}_pxe{part} && echo same") == "same"
            assert len(node.tftp(SERVER, f"coreos_{channel}_pxe{part}")) == 100_001


@pytest.mark.parametrize("ip", HOSTS)
def test_a_blades_cloud_config_is_what_it_was(blades, ip):
    wanted = as_the_container_did(ip)
    assert "$" not in wanted
    assert yaml.safe_load(wanted)["hostname"] == HOSTS[ip]["$hostname"]
    for port, path in ((8080, "/"), (8080, "/any/thing.yaml"), (80, "/cloud/config"), (80, "/cloud/user-data")):
        assert ask(blades[ip], path, port) == (200, wanted), (port, path)


def test_who_else_asks(blades):
    first, second, _third, stranger = blades.values()
    mine = as_the_container_did("192.168.90.101")
    for path, port in (("/", 8080), ("/cloud/config", 80)):
        status, body = ask(stranger, path, port)
        assert status == 404
        assert body.startswith("#cloud-config\n# There is no configuration for 192.168.90.66. ")
        assert from_the_master(f"{port}{path}?override_ipv4=192.168.90.101") == mine
        assert ask(second, f"{path}?override_ipv4=192.168.90.101", port)[0] == 403
        assert ask(first, f"{path}?override_ipv4=192.168.90.101", port)[0] == 403
        assert ask(stranger, f"{path}?override_ipv4=192.168.90.101", port)[0] == 403
        status, head = ask(first, path, port, "--head")
        assert status == 200
        assert f"Content-Length: {len(mine)}" in head
        assert ask(stranger, path, port, "--head")[0] == 404
        assert ask(first, path, port, "--range", "0-12") == (206, "#cloud-config")
    for value in ("1a2b3c4", "999.999.999.999", "192.168.90.0101", "192.168.90.101%0a", "docker-101"):
        assert from_the_master(f"8080/?override_ipv4={value}") == "404"
    for path in ("/cloud/docker-102/config", "/cloud/../docker-102/config", "/cloud/..%2fdocker-102/config", "/../../etc/passwd"):
        for port in (8080, 80):
            status, body = ask(first, path, port)
            assert status in (400, 403, 404) or body == mine, (path, port)


def test_who_is_known_but_early_is_to_ask_again(blades):
    config = "/srv/cloud/docker-102/config"
    host().check_output(f"mv {config} {config}.away")
    try:
        assert ask(blades["192.168.90.102"])[0] == 503
        assert ask(blades["192.168.90.101"])[0] == 200
    finally:
        host().check_output(f"mv {config}.away {config}")


# --- the file changes ------------------------------------------------------------------------------------------------


def test_the_file_comes_back_as_it_was(inventory, tmp_path):
    done = inventory("playbooks/export.yml", "--extra-vars", f"export_file={tmp_path}/back.json")
    assert done.code == 0, done.output
    assert json.loads((tmp_path / "back.json").read_text()) == FILE


def test_trailing_commas_are_shown_or_tolerated(inventory):
    text = json.dumps(FILE, indent=2)
    broken = text.replace('"channel": "stable"', '"channel": "stable",', 1)
    (inventory.path / "pxe_hosts.json").write_text(broken)
    line = broken[: broken.index('"stable",')].count("\n") + 1
    done = inventory("playbooks/export.yml")
    assert done.code != 0
    assert f"pxe_hosts.json: line {line}, column 26: JSON allows no comma after the last entry" in done.output
    (inventory.path / "netboot.pxe_hosts.yml").write_text(
        "plugin: bootyard.netboot.pxe_hosts\npath: pxe_hosts.json\ntrailing_commas: true\n"
    )
    done = inventory("playbooks/export.yml", "--extra-vars", f"export_file={inventory.path}/back.json")
    assert json.loads((inventory.path / "back.json").read_text()) == FILE


def write(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_wrong_templates_change_nothing(inventory, blades):
    """A name that nobody set, and what is no YAML, are told together."""
    before, template = listing(), inventory.path / "templates/default.yaml"
    line = template.read_text().count("\n", 0, template.read_text().index("$public_ipv4_gw")) + 1
    write(template, "$public_ipv4_gw", "$public_ipv4_gateway")
    write(inventory.path / "templates/etcd.yaml", "hostname: $hostname", "hostname: [$hostname")
    done = inventory("site.yml", "--tags=cloud_config")
    assert done.code != 0
    for name in ("docker-101", "docker-102"):
        assert (
            f"{name}: default.yaml, line {line}: $public_ipv4_gateway is set nowhere; set public_ipv4_gateway in netboot_vars"
            in done.messages
        )
    assert "docker-103: etcd.yaml" in done.messages
    assert listing() == before
    for ip in HOSTS:
        assert ask(blades[ip]) == (200, as_the_container_did(ip))


def test_what_cloud_inits_schema_refuses_changes_nothing(inventory, blades):
    before = listing()
    (inventory.path / "templates/wrong.j2").write_text("#cloud-config\nhostname: {{ hostname }}\nwrite_files: [{pth: /etc/motd}]\n")
    write(
        inventory.path / "group_vars/master/netboot.yml",
        "config: coreos\n    template: default.yaml",
        "config: nocloud\n    template: wrong.j2",
    )
    write(inventory.path / "pxe_hosts.json", ',\n      "template": "etcd.yaml"', "")
    done = inventory("site.yml", "--tags=cloud_config")
    assert done.code != 0
    assert "docker-101: wrong.j2: write_files" in done.messages, done.messages
    assert listing() == before
    assert ask(blades["192.168.90.101"]) == (200, as_the_container_did("192.168.90.101"))


def release(channel, version, spoil="true"):
    """Have upstream publish the files of the channel's first release as another version, after a command in their directory."""
    home = f"/srv/mirror/{channel}/amd64-usr"
    host().check_output(f"rm -rf {home}/{version} && cp -r {home}/{CHANNEL[channel]} {home}/{version} && cd {home}/{version} && {spoil}")
    host().check_output(f"echo FLATCAR_VERSION_ID={version} > {home}/current/version.txt")


def current():
    """What machines boot, under all of its names."""
    files = "/srv/http/images/*/current/flatcar* /srv/tftp/images/*/current/flatcar* /srv/tftp/coreos_*"
    return host().check_output(f"sha256sum {files}; readlink /srv/*/images/*/current")


SPOILT = {
    "one byte": "printf x | dd of=flatcar_production_pxe.vmlinuz bs=1 seek=77777 conv=notrunc status=none",
    "a signature": "cp flatcar_production_pxe.vmlinuz.sig flatcar_production_pxe_image.cpio.gz.sig",
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_upstream_did_not_sign_is_not_booted(inventory, what):
    """Both channels stay, as one of them cannot be had."""
    before, pinned = current(), LOCK.read_text()
    release("stable", "4230.3.0")
    release("beta", "4300.2.0", SPOILT[what])
    try:
        done = inventory("playbooks/images.yml", "--extra-vars", "update=true")
        assert done.code != 0
        assert "https://beta.release.flatcar-linux.net/amd64-usr/4300.2.0/flatcar_production_pxe" in done.messages
        assert "has no good signature: " in done.messages
        assert "BAD signature" in done.messages
        assert (current(), LOCK.read_text()) == (before, pinned)
    finally:
        for channel, version in CHANNEL.items():
            host().check_output(f"echo FLATCAR_VERSION_ID={version} > /srv/mirror/{channel}/amd64-usr/current/version.txt")


def test_a_new_release_is_booted_after_the_next_update(inventory, blades):
    release("beta", "4300.2.1")
    done = inventory("playbooks/images.yml", "--extra-vars", "update=true")
    assert done.code == 0, done.output
    versions = host().check_output("readlink /srv/http/images/flatcar-beta/current /srv/tftp/images/flatcar-stable/current")
    assert versions.split() == ["4300.2.1", CHANNEL["stable"]]
    assert len(blades["192.168.90.103"].tftp(SERVER, "coreos_beta_pxe.vmlinuz")) == 100_001


def test_a_blade_that_is_added_and_two_that_change_their_channels(inventory, blades):
    """By the file and by netboot_channel. PXELINUX and iPXE are told alike, nothing else is touched, and nginx goes on as it was."""
    before, pid = listing(), host().check_output("cat /run/nginx.pid")
    file = json.loads(json.dumps(FILE))
    file["hosts"]["192.168.90.104"] = NEW
    file["hosts"]["192.168.90.101"]["channel"] = "beta"
    (inventory.path / "pxe_hosts.json").write_text(json.dumps(file))
    (inventory.path / "more.yml").write_text("all: {hosts: {docker-102: {netboot_channel: beta}}}\n")
    done = inventory()
    assert done.code == 0, done.output
    for ip in ("192.168.90.101", "192.168.90.102", "192.168.90.104"):
        mac = file["hosts"][ip]["macaddr"]
        answer = boot(BRIDGE, mac)
        assert (answer.address, answer.options[209]) == (ip, b"pxelinux.cfg/beta")
        script = blades["192.168.90.101"].fetch(f"http://{SERVER}/by-mac/{mac.replace(':', '-')}.ipxe").decode()
        assert "images/flatcar-beta/current" in script
        assert "flatcar-stable" not in script
    with machine(BRIDGE, "192.168.90.104", mac=NEW["macaddr"]) as blade:
        assert ask(blade) == (200, as_the_container_did("192.168.90.104", file))
    changed = {line.split()[0] for line in listing() ^ before if line.startswith(("/srv/cloud", "/srv/http", "/srv/tftp"))}
    assert [path for path in changed if not re.search("docker-104|da-43-b[124]|pxelinux.cfg", path)] == []
    assert host().check_output("cat /run/nginx.pid") == pid
