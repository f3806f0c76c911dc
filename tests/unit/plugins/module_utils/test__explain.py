"""Chains are followed through what the printers print, and broken one file at a time."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _explain, _grub, _ipxe, _loaders, _pxelinux

SERVER, MAC = "10.0.33.1", "52:54:00:00:00:01"
KERNEL, INITRD = (f"images/debian-12/0001-5e4f1c22/{name}" for name in ("vmlinuz", "initrd.img"))
BOOT = [client.name for client in _loaders.CLIENTS]


@pytest.fixture
def site(inventory):
    """Makes a master with everything in its place: site(variables of node1, **of the master)."""

    def make(node=None, network=None, **common):
        fleet = inventory(network, **common).node("node1", **(node or {})).parse(release=13)
        roots = {"node1": {"image": "debian-12", "generation": "0001-5e4f1c22", "path": "/srv/nfs/node1"}}
        tftp = {**_pxelinux.files(fleet, roots, "tftp:"), **_grub.files(fleet, roots, "tftp:")}
        http = _ipxe.files(fleet, roots, "http:", menu=False, replace_rom=False)
        texts = {path.replace(":/", f"://{SERVER}/", 1): text for path, text in {**tftp, **http}.items()}
        for scheme in ("tftp", "http"):
            texts |= {f"{scheme}://{SERVER}/{name}": f"the binary {name}" for name in [*fleet.binaries, KERNEL, INITRD, "k", "i"]}
        return Site(fleet, texts)

    return make


class Site:
    def __init__(self, fleet, texts):
        self.fleet, self.texts, self.roots = fleet, texts, {"/srv/nfs/node1"}

    def read(self, url):
        text = self.texts.get(url)
        return text if text is None else _explain.File(len(text), hashlib.sha256(text.encode()).hexdigest(), text)

    def chain(self, firmware, mac=MAC, states=None):
        [chain] = _explain.explain(self.fleet, [("node1", mac, "lab")], [firmware], self.read, self.roots.__contains__, states)
        return chain


def fetched(chain):
    return [hop["url"].replace(f"//{SERVER}", "") for hop in chain.hops if hop["hop"] == "fetch"]


SCRIPT = ["http:/boot.ipxe", "http:/by-mac/52-54-00-00-00-01.ipxe", f"http:/{KERNEL}", f"http:/{INITRD}"]
PXELINUX = ["tftp:/pxelinux.0", "tftp:/ldlinux.c32", "tftp:/pxelinux.cfg/01-52-54-00-00-00-01", f"tftp:/{KERNEL}", f"tftp:/{INITRD}"]
GRUB = ["tftp:/grub/grub.cfg", f"tftp:/grub/by-mac/{MAC}.cfg", f"tftp:/{KERNEL}", f"tftp:/{INITRD}"]


@pytest.mark.parametrize(
    ("loader", "firmware", "files"),
    [
        ("auto", "bios", ["tftp:/undionly.kpxe", *SCRIPT]),
        ("auto", "bios-http", ["http:/undionly.kpxe", *SCRIPT]),
        ("auto", "uefi", ["tftp:/snponly.efi", *SCRIPT]),
        ("auto", "uefi-http", ["http:/snponly.efi", *SCRIPT]),
        ("auto", "uefi-arm64", ["tftp:/ipxe-arm64.efi", *SCRIPT]),
        ("auto", "ipxe", SCRIPT),
        ("auto", "ipxe-bios", SCRIPT),
        ("auto", "uefi-ia32", ["tftp:/grubia32.efi", *GRUB]),
        ("pxelinux", "bios", PXELINUX),
        ("pxelinux", "ipxe-bios", PXELINUX),
        ("pxelinux", "uefi", ["tftp:/snponly.efi", *SCRIPT]),
        ("grub", "uefi", ["tftp:/shimx64.efi", "tftp:/grubx64.efi", *GRUB]),
    ],
)
def test_every_hop_of_a_machine_with_an_nfs_root(site, loader, firmware, files):
    chain = site({"netboot_loader": loader, "netboot_kernel_args": ["quiet"]}).chain(firmware)
    assert (chain.status, fetched(chain)) == (_explain.BOOTS, files)
    assert chain.outcome.endswith("with the root 10.0.33.1:/srv/nfs/node1")
    kernel = chain.hops[-1]
    assert " quiet" in kernel["arguments"]
    assert "goto" not in kernel["arguments"]
    assert all(hop["size"] and len(hop["sha256"]) == 64 for hop in chain.hops if hop["hop"] == "fetch")


@pytest.mark.parametrize("firmware", ["bios", "uefi", "uefi-http", "ipxe"])
@pytest.mark.parametrize("loader", ["ipxe", "pxelinux"])
def test_a_kernel_over_http(site, firmware, loader):
    profiles = {"p": {"boot": "http", "kernel": "k", "initrd": ["i", "http://mirror.example/j"], "loader": loader}}
    made = site({"netboot_profile": "p"}, netboot_profiles=profiles)
    made.texts["http://mirror.example/j"] = "elsewhere"
    chain = made.chain(firmware)
    assert (chain.status, chain.outcome) == (_explain.BOOTS, f"http://{SERVER}/k")
    assert fetched(chain)[-3:] == ["http:/k", "http:/i", "http://mirror.example/j"]


@pytest.mark.parametrize(("loader", "firmware"), [("auto", "bios"), ("auto", "uefi-http"), ("pxelinux", "bios"), ("grub", "uefi")])
def test_each_file_that_is_missing_breaks_the_chain(site, loader, firmware):
    whole = site({"netboot_loader": loader})
    urls = [hop["url"] for hop in whole.chain(firmware).hops if hop["hop"] == "fetch"]
    for url in urls:
        broken = Site(whole.fleet, {key: text for key, text in whole.texts.items() if key != url})
        chain = broken.chain(firmware)
        if "/by-mac/" in url and url.endswith(".ipxe"):
            assert (chain.status, chain.outcome) == (_explain.BROKEN, f"node1 is to boot nfs, but {url} is missing")
        else:
            assert (chain.status, chain.outcome) == (_explain.BROKEN, f"{url} is missing")


def test_a_missing_root_breaks_the_chain(site):
    made = site()
    made.roots = set()
    assert made.chain("bios").line() == f"node1 ({MAC}) as bios: broken: the root /srv/nfs/node1 is not there"


def test_a_disk_is_not_the_master_s_business(site):
    assert {site({"netboot_profile": "local"}).chain(firmware).status for firmware in BOOT} == {_explain.NOTHING}


def test_strangers_are_told_why_they_get_nothing(site):
    stranger = "52:54:00:00:00:fe"
    assert site().chain("bios", stranger).outcome == "it is not in the inventory: an address, and nothing to boot"
    assert site(network={"unknown": "ignore"}).chain("bios", stranger).outcome == "no answer"
    led = site(network={"unknown": "boot"}).chain("bios", stranger)
    assert (led.status, fetched(led)[-1]) == (_explain.NOTHING, "http:/default.ipxe")


def test_a_machine_is_found_by_its_uuid(site):
    uuid = "4c4c4544-0042-4a10-8056-b4c04f395931"
    made = site({"netboot_uuid": uuid, "netboot_mac": [MAC, "52:54:00:00:00:0a"]}, {"unknown": "boot"})
    del made.texts[f"http://{SERVER}/by-mac/52-54-00-00-00-0a.ipxe"]
    assert fetched(made.chain("bios", "52:54:00:00:00:0a"))[2] == f"http:/by-uuid/{uuid}.ipxe"


def test_channels_of_pxelinux(site):
    profiles = {"p": {"boot": "http", "kernel": "k", "loader": "pxelinux", "pxelinux_config": "stable", "pxelinux_prefix": "coreos/"}}
    chain = site({"netboot_profile": "p"}, netboot_profiles=profiles).chain("bios")
    assert chain.hops[0]["told"]["options"] == {"209": "stable", "210": "coreos/"}
    assert "tftp:/coreos/stable" in fetched(chain)


def test_people_read_each_hop(site):
    text = "\n".join(site().chain("uefi-http").lines())
    for said in ("HTTPClient:Arch:00016", "option 60 HTTPClient", "because: x64 UEFI over HTTP: loader ipxe", "user class iPXE", "sha256 "):
        assert said in text


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("tftp://10.0.33.1/pxelinux.0", "/srv/tftp/pxelinux.0"),
        ("http://10.0.33.1/boot.ipxe", "/srv/http/boot.ipxe"),
        ("http://10.0.33.9/boot.ipxe", None),
        ("https://10.0.33.1/boot.ipxe", None),
    ],
)
def test_urls_of_the_master_are_files(url, path):
    assert _explain.path_of(url, {"tftp": "/srv/tftp", "http": "/srv/http"}, {SERVER}) == path


INSTALL = {"netboot_profile": "debian-disk", "netboot_install_disk": "/dev/vda"}
IMAGE = "http://10.0.33.1/images/debian-12-ram/current"


@pytest.mark.parametrize("firmware", ["bios", "uefi-http"])
@pytest.mark.parametrize(
    ("state", "status", "outcome"),
    [
        ("unknown", "boots", f"{IMAGE}/vmlinuz: node1 installs itself only if /dev/vda is blank"),
        ("installing", "boots", f"{IMAGE}/vmlinuz: node1 installs itself again, and overwrites /dev/vda, since it was not finished"),
        ("wipe", "boots", f"{IMAGE}/vmlinuz: node1 installs itself, and overwrites /dev/vda"),
        ("installed", "nothing", "it leaves to the next boot device: node1 is installed, and boots its disk"),
    ],
)
def test_an_installation_is_told_by_how_far_it_is(site, firmware, state, status, outcome):
    made = site(INSTALL)
    made.texts |= {f"{IMAGE}/{name}": name for name in ("vmlinuz", "initrd.img")}
    chain = made.chain(firmware, states={"node1": state})
    assert (chain.status, chain.outcome) == (status, outcome)
    assert (fetched(chain)[-1] == "http:/local.ipxe") == (state == "installed")


def test_an_installation_without_its_script_is_broken(site):
    made = site(INSTALL)
    del made.texts["http://10.0.33.1/local.ipxe"]
    assert made.chain("bios", states={"node1": "installed"}).status == "broken"
