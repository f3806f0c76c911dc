# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Inventory variables in, an immutable fleet out: the only place that knows how one becomes the other.

Nothing here imports Ansible or touches a machine. L(parse) looks at the whole inventory and raises one
C(FleetError) that lists every fault it found, so that an operator mends an inventory in one go.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import json
import re
import uuid as uuidlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import _disks, _lines, _secrets
from . import _profiles as _tables
from ._artefacts import RECIPE_KEYS, WORD
from ._disks import Disk
from ._loaders import BINARIES, LOADERS

#: Sizes of a root: a number of MiB, GiB or TiB. The least holds a journal and the files that are the node's own.
_QUOTA = re.compile(r"(\d{1,7})([MGT])")
DEFAULT_QUOTA, LEAST_QUOTA, MOST_QUOTA = "16G", 128 << 20, 8 << 40

#: Every variable of the fleet; any other C(netboot_*) on a node is a slip of the pen.
NODE_VARIABLES = frozenset(
    [
        "netboot_mac",
        "netboot_ip",
        "netboot_uuid",
        "netboot_profile",
        "netboot_loader",
        "netboot_kernel_args",
        "netboot_channel",
        "netboot_memory",
        "netboot_quota",
        "netboot_template",
        "netboot_vars",
        "netboot_vars_group",
        "netboot_vars_common",
        "netboot_disks",
        "netboot_install_disk",
        "netboot_containers",
        "netboot_state",
        "netboot_renamed_from",
        "netboot_bmc",
    ]
)
MASTER_VARIABLES = frozenset(
    [
        "netboot_networks",
        "netboot_profiles",
        "netboot_images",
        "netboot_artefacts",
        "netboot_binaries",
        "netboot_config_secret",
        "netboot_config_life",
        "netboot_masters",
        "netboot_slaves",
        "netboot_select",
        "netboot_absent",
        "netboot_remove",
        "netboot_allow_removal",
        "netboot_max_removals",
        "netboot_lock_timeout",
        "netboot_interface",
    ]
)

STATES = ("present", "absent")
MODES = ("own", "proxy")
#: Whether a profile is what its nodes run each time, or what puts a system onto their disks once.
PROFILE_MODES = ("run", "install")
UNKNOWN_POLICIES = ("address", "boot", "ignore")
BMC_PROTOCOLS = {"ipmi": 623, "redfish": 443}

#: The keys of a profile, by its kind.
_CONFIG_KEYS = {"config", "template", "ignition"}
_FILE_KEYS = {"kernel", "initrd", "pxelinux_config", "pxelinux_prefix", "image", "artefacts", "channel", "mode", "install_template"}
_PROFILE_KEYS = {
    "nfs": {"boot", "loader", "kernel_args", "memory", "image", *_CONFIG_KEYS},
    "http": {"boot", "loader", "kernel_args", "memory", *_FILE_KEYS, *_CONFIG_KEYS},
    "local": {"boot", *_CONFIG_KEYS},
}
#: The loaders that ask the master each time what to boot.
_ASKING = ("auto", "ipxe")
_NOT_ASKING = "cannot be told to boot the disk once it is installed; choose auto or ipxe"
#: The kinds of configuration, and the files that each consists of. C(config) is what a plain template makes.
CONFIG_KINDS = {
    "nocloud": ("config", "meta-data", "vendor-data", "network-config"),
    "ignition": ("config",),
    "coreos": ("config",),
    "rancher": ("config",),
    "preseed": ("config",),
    "talos": ("config",),
}
IGNITION_SPECS = ("3.0.0", "3.1.0", "3.2.0", "3.3.0", "3.4.0", "3.5.0", "3.6.0")
#: Releases whose cloud-init takes a URL only under the old name of its data source.
_NOCLOUD_NET = frozenset(["buster", "bullseye", "bookworm", "focal", "jammy"])
IMAGE_KEYS = frozenset(["suite", "form", "arch", "mirror", "components", "packages", "extra_packages", "kernel_package"])
IMAGE_FORMS = ("directory", "squashfs")

_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_DOMAIN = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*")
#: A master may be known by an address, and its name is no node's.
_MASTER = re.compile(r"(?![-.])[A-Za-z0-9._-]{1,253}(?<![-.])")
#: A directory that is exported and mounted. Each server and fstab(5) have characters that end a path, or more.
_PATH = re.compile(r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._+@-]+)+")
_IS_PATH = "is no absolute path of letters, digits and -._+@; write one like /srv/shared"
_KEY = re.compile(r"[^\x00-\x1f\x7f]*\n?")
_IS_KEY = "is no line of authorized_keys(5); give each key an entry of its own"
#: Values that are printed into files as they are, and what they may be.
_PARTS = {
    **dict.fromkeys(("tftp_directory", "ipxe_http_directory", "cloud_config_directory", "cloud_config_installs"), (_PATH, _IS_PATH)),
    "nfs_root_tmpfs": (_PATH, _IS_PATH),
    "nfs_root_authorized_keys": (_KEY, _IS_KEY),
    "nfs_root_users.name": (re.compile(r"[a-z_][a-z0-9_-]{0,31}"), "is no name of an account; take small letters, digits, - and _"),
    "nfs_root_users.shell": (_PATH, _IS_PATH),
    "nfs_root_users.authorized_keys": (_KEY, _IS_KEY),
}
_INTERFACE = re.compile(r"(?!-)[A-Za-z0-9._@-]{1,15}")
_KERNEL_ARG = re.compile(r"[!-~]+")
_MAC_FORMS = re.compile(r"(?:[0-9a-f]{2}(?P<sep>[:-]))(?:[0-9a-f]{2}(?P=sep)){4}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}|[0-9a-f]{12}")
#: A file below /srv/http, or a URL. No character that a boot loader's script would read as its own.
_FILE = re.compile(r"(?:http://[A-Za-z0-9.:-]+/)?(?!/)(?!.*(?:^|/)\.\.?(?:/|$))[A-Za-z0-9._~+@%/-]+")
#: What stands for a node's own value in kernel arguments; a shell's or iPXE's ${…} is something else.
_TOKEN = re.compile(r"(?<!\$)\{([a-z]+(?:_[a-z]+)*)\}")
TOKENS = ("config_url", "datasource", "install_datasource", "install_url", "ip", "mac", "master", "node")
_SECRET = re.compile(r"[A-Za-z0-9_-]{20,}")
#: Stands in URLs for what proves that they are of one boot of one node: nginx makes it when that node asks for what has the URL.
#: Of characters that no encoding of URLs changes.
LINK = "link-of-this-boot"
_LINKED = re.compile(r"(?<!\$)\{(?:config_url|datasource|install_datasource|install_url)\}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CRYPT = re.compile(r"[!*]|\$[0-9a-z]+\$[!-9;-~]+")
_PLACEHOLDER = re.compile(r"|change[-_ ]?me|x{3,}|\.{3,}|<.*>|secret|placeholder", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, what it says now, and what would be right."""

    host: str
    variable: str
    value: Any
    right: str

    def __str__(self) -> str:
        return f"{self.host}: {self.variable} = {_secrets.without_credentials(repr(self.value))}: {self.right}"


class FleetError(ValueError):
    """The inventory cannot be used; C(faults) holds all that is wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        count = f"{len(self.faults)} faults" if len(self.faults) > 1 else "1 fault"
        super().__init__("\n".join([f"The inventory has {count}; nothing was changed:", *(f"  - {fault}" for fault in self.faults)]))


@dataclass(frozen=True, slots=True)
class Network:
    """A network that the master serves. Addresses are dotted quads, C(lease_time) is in seconds, C(mtu) in bytes."""

    name: str
    cidr: str
    address: str
    interface: str
    pool: tuple[str, str] | None = None
    gateway: str | None = None
    dns: tuple[str, ...] = ()
    ntp: tuple[str, ...] = ()
    domain: str | None = None
    mtu: int | None = None
    lease_time: int = 3600
    unknown: str = "address"
    mode: str = "own"
    allow_default_route: bool = False
    allow_other_dhcp: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """How a kind of node boots: an image as its NFS root, a kernel over HTTP, or its local disk.

    C(kernel) and C(initrd) are URLs or paths below the HTTP root, C(image) or C(artefacts) name what has them if it is made here;
    C(memory) is the least RAM in MiB. The other fields of a kind are empty. C(config) is the kind
    of configuration that its nodes fetch, C(templates) names what makes each of its files, C(ignition) is Ignition's spec. With the
    C(mode) install it boots an installer, whose configuration, of the same kind, is made by C(install_templates).
    """

    name: str
    boot: str
    image: str = ""
    loader: str = "auto"
    kernel_args: tuple[str, ...] = ()
    kernel: str = ""
    initrd: tuple[str, ...] = ()
    pxelinux_config: str = ""
    pxelinux_prefix: str = ""
    artefacts: tuple[str, ...] = ()
    memory: int = 0
    config: str = ""
    templates: Mapping[str, str] = field(default_factory=dict)
    ignition: str = "3.3.0"
    mode: str = "run"
    install_templates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bmc:
    """Where a node's management controller answers; the credentials stay in the inventory."""

    address: str
    protocol: str = "ipmi"
    port: int = 623


@dataclass(frozen=True, slots=True)
class Node:
    """One machine. C(macs) are lower case with colons, the first is the one that boots. C(quota) is the most bytes of its root.

    C(renamed_from) is its former name, if it has one.
    """

    name: str
    macs: tuple[str, ...]
    ip: str
    network: str
    profile: str
    uuid: str | None = None
    loader: str = ""
    kernel_args: tuple[str, ...] = ()
    state: str = "present"
    bmc: Bmc | None = None
    templates: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    disks: tuple[Disk, ...] = ()
    install_disk: str = ""
    quota: int = 0
    renamed_from: str = ""


@dataclass(frozen=True, slots=True)
class Fleet:
    """All that the master serves. Names are unique; every node's network, profile and image exists.

    C(binaries) are the boot loader files that this master can publish: by name, C(path) with C(package) where Debian has
    it, or C(src) with C(sha256) where the operator brings it. C(artefacts) are the recipes of L(_artefacts) that the profiles of
    its nodes need.
    """

    master: str
    master_macs: tuple[str, ...] = ()
    networks: Mapping[str, Network] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    images: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    binaries: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    nodes: tuple[Node, ...] = ()
    artefacts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _by_mac: Mapping[str, Node] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_mac", {mac: node for node in self.present for mac in node.macs})

    @property
    def present(self) -> tuple[Node, ...]:
        """The nodes that are to be served."""
        return tuple(node for node in self.nodes if node.state == "present")

    @property
    def rooted(self) -> tuple[Node, ...]:
        """The nodes that are to have a root here."""
        return tuple(node for node in self.present if self.profiles[node.profile].boot == "nfs")

    @property
    def renamed(self) -> dict[str, str]:
        """The former names of nodes by their names."""
        return {node.name: node.renamed_from for node in self.present if node.renamed_from}

    def node_of(self, mac: str) -> Node | None:
        """The served node that has the card."""
        return self._by_mac.get(mac)

    def image_of(self, node: Node) -> str:
        """The name of the image that the node's profile boots."""
        return self.profiles[node.profile].image

    def loader_of(self, node: Node) -> str:
        """The boot loader that is asked for the node."""
        return node.loader or self.profiles[node.profile].loader

    @property
    def configured(self) -> tuple[Node, ...]:
        """The served nodes that fetch a configuration."""
        return tuple(node for node in self.present if self.profiles[node.profile].config)

    @property
    def installs(self) -> tuple[Node, ...]:
        """The served nodes that install themselves to a disk."""
        return tuple(node for node in self.present if self.profiles[node.profile].mode == "install")

    def config_url(self, node: Node, part: str = "") -> str:
        """Where the node fetches its configuration; what it gets there depends on its address. Empty without one.

        C(part) is C(install/) for that of its installer.
        """
        kind = self.profiles[node.profile].config
        # cloud-init adds the names of its files to what ends with a slash (docs.cloud-init.io, NoCloud).
        path = f"{node.link}{part}{'' if kind == 'nocloud' else 'config'}"
        return f"http://{self.networks[node.network].address}/cloud/{path}" if kind else ""

    def install_state_url(self, node: Node) -> str:
        """Below it the node's installer tells how far it is, and asks what it may do."""
        return f"http://{self.networks[node.network].address}/install/{node.link}"

    def kernel_args_of(self, node: Node) -> tuple[str, ...]:
        """The kernel arguments that the inventory gives the node, with its own values in the place of tokens."""
        args = self.profiles[node.profile].kernel_args + node.kernel_args
        if not any("{" in arg for arg in args):
            return args
        suite = self.images.get(self.image_of(node), {}).get("suite")
        source = "nocloud-net" if suite in _NOCLOUD_NET else "nocloud"
        url, install_url = self.config_url(node), self.config_url(node, "install/")
        values = {
            "config_url": url,
            "datasource": f"{source};s={url}",
            "install_url": install_url,
            "install_datasource": f"{source};s={install_url}",
            "ip": node.ip,
            "mac": node.macs[0],
            "master": self.networks[node.network].address,
            "node": node.name,
        }
        return tuple(_TOKEN.sub(lambda token: values[token[1]], arg) for arg in args)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as Ansible variables and JSON hold it; L(from_dict) is its inverse.

        The nodes are one JSON text: Ansible looks for templates in every value of a variable whenever it is used, which
        costs a tenth of a millisecond a node each time, and in a text just once.
        """
        return {
            "master": self.master,
            "master_macs": list(self.master_macs),
            "networks": {name: _plain(network) for name, network in self.networks.items()},
            "profiles": {name: _plain(profile) for name, profile in self.profiles.items()},
            "images": {name: dict(image) for name, image in self.images.items()},
            "images_in_use": sorted({self.image_of(node) for node in self.present} - {""}),
            "artefacts": {name: dict(recipe) for name, recipe in self.artefacts.items()},
            "binaries": {name: dict(binary) for name, binary in self.binaries.items()},
            "present": [node.name for node in self.present],
            "rooted": [node.name for node in self.rooted],
            "configured": [node.name for node in self.configured],
            "absent": [node.name for node in self.nodes if node.state == "absent"],
            "renamed": self.renamed,
            "nodes": json.dumps([_plain(node) for node in self.nodes]),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fleet:
        """Rebuild a fleet from L(to_dict)'s data, which is trusted: it was validated when it was made."""
        return cls(
            master=data["master"],
            master_macs=tuple(data["master_macs"]),
            networks={network.name: network for network in networks_from(data["networks"])},
            profiles={name: _record(Profile, item) for name, item in data["profiles"].items()},
            images={name: dict(item) for name, item in data["images"].items()},
            binaries={name: dict(item) for name, item in data["binaries"].items()},
            nodes=tuple(_record(Node, item) for item in json.loads(data["nodes"])),
            artefacts={name: dict(recipe) for name, recipe in data["artefacts"].items()},
        )


def networks_from(data: Mapping[str, Mapping[str, Any]]) -> list[Network]:
    """The networks out of L(Fleet.to_dict)'s data."""
    return [_record(Network, item) for item in data.values()]


def _plain(record: Any) -> dict[str, Any]:
    out = {}
    for name in record.__slots__:
        value = getattr(record, name)
        out[name] = [_plain(item) if isinstance(item, Disk) else item for item in value] if isinstance(value, tuple) else value
        out[name] = _plain(value) if isinstance(value, Bmc) else out[name]
    return out


def _record(cls: type, data: Mapping[str, Any]) -> Any:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    if values.get("bmc"):
        values["bmc"] = Bmc(**values["bmc"])
    if values.get("disks"):
        values["disks"] = tuple(Disk(**disk) for disk in values["disks"])
    return cls(**values)


def canonical_mac(value: Any) -> str:
    """A MAC in any common notation as C(aa:bb:cc:dd:ee:ff).

    Takes colons, dashes, Cisco dots or no separator, in any case. Raises C(ValueError) that says what would be right.
    """
    if isinstance(value, int):
        raise ValueError("YAML read it as a number; write it in quotes, like '52:54:00:12:34:56'")
    text = str(value).strip().lower()
    if not _MAC_FORMS.fullmatch(text):
        raise ValueError("is no MAC; write six octets, like '52:54:00:12:34:56', '52-54-00-12-34-56' or '5254.0012.3456'")
    digits = re.sub(r"[^0-9a-f]", "", text)
    if int(digits[:2], 16) & 1 or not int(digits, 16):
        raise ValueError("is a group or empty MAC; give the address of one network card")
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


class _Faults(list):
    """Collects faults, without the values of secrets; C(add) returns None so that a parser can end with it."""

    def add(self, host: str, variable: str, value: Any, right: str) -> None:
        self.append(Fault(str(host), variable, bare(_secrets.shown(variable, value)), right))


def parse(
    hosts: Mapping[str, Mapping[str, Any]],
    slaves: Iterable[str],
    master: str,
    interfaces: Mapping[str, Iterable[str]] | None = None,
    interface: str | None = None,
    absent: Iterable[str] = (),
    release: int = 12,
) -> Fleet:
    """The fleet that an inventory describes.

    C(hosts) maps host names to their variables (Ansible's C(hostvars)), C(slaves) names the nodes among them and
    C(master) the host that serves them. C(interfaces) maps the master's interfaces to their addresses in CIDR form;
    None means that they are not known and cannot be checked. C(interface) stands in for networks that name none.
    Nodes in C(absent), which must be among them, are treated as C(netboot_state=absent). C(release) is the master's Debian.

    Raises C(FleetError) with every fault of the whole inventory.
    """
    faults = _Faults()
    common = hosts[master]
    if not _MASTER.fullmatch(str(master)):
        faults.add(
            master, "inventory_hostname", master, "is no host's name or IPv4 address; files of DHCP, names and scripts have it in them"
        )
    networks = _networks(faults, master, common, interfaces, interface)
    images = _images(faults, master, common)
    own = _mapping(faults, master, "netboot_profiles", common)
    specs, words = {**_tables.PROFILES, **own}, {"release": str(release)}
    recipes = _recipes(faults, master, common)
    # Those that are there from the start are for whoever boots them, not to be offered to everybody.
    wanted = {_profile_of(hosts[name]) for name in slaves} | {str(name) for name in own}
    profiles, needed = _profiles(faults, master, specs, sorted(wanted), images, recipes, words)
    binaries = _binaries(faults, master, common, release)
    password = common.get("nfs_root_password_hash", "!")
    if not _CRYPT.fullmatch(str(password)):
        faults.add(
            master, "nfs_root_password_hash", password, "is no crypt(5) hash; make one with mkpasswd, or write '!' to lock the account"
        )
    _lines_of_files(faults, master, common)
    for share in _list(common.get("nfs_root_shared")):
        both = [share["path"], share.get("mount") or share["path"]] if isinstance(share, Mapping) and "path" in share else [share]
        for path in dict.fromkeys(map(str, both)):
            if not _PATH.fullmatch(path):
                faults.add(master, "nfs_root_shared", path, _IS_PATH)
    master_macs = _macs(faults, master, common.get("netboot_mac"), required=False)
    subnets = [(network, ipaddress.ip_network(network.cidr)) for network in networks.values()]
    slaves, gone, nodes = set(slaves), set(absent), []
    for name in sorted(gone - slaves):
        close = difflib.get_close_matches(name, sorted(slaves), 1)
        faults.add(master, "netboot_absent", name, f"is not a node of the inventory{f'; did you mean {close[0]}?' if close else ''}")
    for name in sorted(slaves, key=natural):
        node = _node(faults, name, hosts[name], subnets, profiles, specs, gone, master)
        if node:
            nodes.append(node)
    _unique(faults, master, master_macs, networks, nodes)
    _shared(faults, master, networks, profiles, nodes)
    _runnable(faults, common, profiles, images, hosts, nodes)
    nodes = _linked(faults, master, common, profiles, nodes)
    if faults:
        raise FleetError(faults)
    booted = {name for node in nodes if node.state == "present" for name in profiles[node.profile].artefacts}
    artefacts = {name: needed[name] for name in sorted(booted)}
    fleet = Fleet(master, master_macs, networks, profiles, images, binaries, tuple(nodes), artefacts)
    _passed_on(faults, fleet)
    if faults:
        raise FleetError(faults)
    return fleet


def _passed_on(faults, fleet) -> None:
    """Kernel arguments, put together and filled in, must reach the kernel as they are."""
    for node in fleet.present:
        loader = fleet.loader_of(node).replace("auto", "ipxe")
        wrong = fleet.profiles[node.profile].boot != "local" and _lines.misread([loader, "Linux"], fleet.kernel_args_of(node))
        if wrong:
            reader, word = wrong
            ways = "write it otherwise" if reader == "Linux" else "write it otherwise, or boot with loader: pxelinux"
            right = f"is read by {reader} as its own, or too much, in the line of all arguments; {ways}"
            faults.add(node.name, "netboot_kernel_args", word, right)


def _lines_of_files(faults, master, common) -> None:
    """Values of other roles that become parts of lines in somebody's file, and could be more than a part of one."""
    users = [user for user in _list(common.get("nfs_root_users")) if isinstance(user, Mapping)]
    fields = {f"nfs_root_users.{key}": [user.get(key) for user in users] for key in ("name", "shell", "authorized_keys")}
    for variable, (form, right) in _PARTS.items():
        for value in _list(fields.get(variable, common.get(variable))):
            for part in _list(value):
                if not form.fullmatch(str(part)):
                    faults.add(master, variable, part, right)


def natural(name: str) -> list[tuple[int, int | str]]:
    """A sort key under which node2 comes before node10."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name) if part]


# --- the parts of an inventory ---------------------------------------------------------------------------------------


def _networks(faults, master, common, interfaces, fallback) -> dict[str, Network]:
    raw = common.get("netboot_networks")
    if not isinstance(raw, Mapping) or not raw:
        faults.add(master, "netboot_networks", raw, "name at least one network, like {lab: {cidr: 10.0.33.0/24, address: 10.0.33.1}}")
        return {}
    found = (_network(faults, master, str(name), spec, interfaces, fallback) for name, spec in raw.items())
    networks = {network.name: network for network in found if network}
    known = [(network.name, ipaddress.ip_network(network.cidr)) for network in networks.values()]
    for i, (name, cidr) in enumerate(known):
        for other, other_cidr in known[:i]:
            if cidr.overlaps(other_cidr):
                faults.add(
                    master, f"netboot_networks.{name}.cidr", cidr, f"overlaps {other} ({other_cidr}); give each network its own range"
                )
    return networks


def _network(faults, master, name, spec, interfaces, fallback) -> Network | None:
    where = f"netboot_networks.{name}"
    if not _NAME.fullmatch(name):
        faults.add(master, where, name, "name a network with letters, digits, dots and dashes")
    if not isinstance(spec, Mapping):
        return faults.add(master, where, spec, "is no mapping; write {cidr: 10.0.33.0/24, address: 10.0.33.1}")
    _known_keys(faults, master, where, spec, {f.name for f in dataclasses.fields(Network)} - {"name"})
    try:
        cidr = ipaddress.IPv4Network(str(spec.get("cidr")))
    except ValueError:
        return faults.add(master, f"{where}.cidr", spec.get("cidr"), "is no IPv4 network; write it like 10.0.33.0/24, with no host bits")
    if cidr.prefixlen > 30:
        return faults.add(master, f"{where}.cidr", cidr, "has no room for a master and a node; give a /30 or larger")

    def address(key: str, value: Any) -> ipaddress.IPv4Address | None:
        return _address(faults, master, f"{where}.{key}", value, cidr)

    def servers(key: str) -> tuple[str, ...]:
        found = (_address(faults, master, f"{where}.{key}", value) for value in _list(spec.get(key)))
        return tuple(str(value) for value in found if value)

    wanted = str(spec.get("interface") or fallback or "")
    own = address("address", spec["address"]) if spec.get("address") else _carried(interfaces, wanted, cidr)
    if not own and not spec.get("address"):
        faults.add(master, f"{where}.address", None, f"give the master's address in {cidr}; {_listed(interfaces)}")
    interface = _interface(faults, master, where, wanted, own, interfaces)
    gateway = address("gateway", spec["gateway"]) if spec.get("gateway") else None
    pool = _pool(faults, master, where, spec.get("pool"), cidr, [a for a in (own, gateway) if a])
    domain = spec.get("domain")
    if domain and not _DOMAIN.fullmatch(str(domain)):
        faults.add(master, f"{where}.domain", domain, "is no domain name; write labels of letters, digits and dashes with dots between")
    mtu = _number(faults, master, f"{where}.mtu", spec.get("mtu"), 68, 65535)
    lease = _number(faults, master, f"{where}.lease_time", _given(spec, "lease_time", 3600), 120, 2**32 - 2)  # dnsmasq grants no less
    unknown = _choice(faults, master, f"{where}.unknown", spec.get("unknown", "address"), UNKNOWN_POLICIES)
    mode = _choice(faults, master, f"{where}.mode", spec.get("mode", "own"), MODES)
    if mode == "own" and unknown == "boot" and not spec.get("pool"):
        faults.add(master, f"{where}.unknown", unknown, "needs addresses for the machines that it boots; give the network a pool")
    if mode == "proxy" and spec.get("pool"):
        faults.add(master, f"{where}.pool", spec["pool"], "has no use beside the site's own DHCP server; take it out, or write mode: own")
    return Network(
        name=name,
        cidr=str(cidr),
        address=str(own),
        interface=str(interface),
        pool=pool,
        gateway=str(gateway) if gateway else None,
        dns=servers("dns"),
        ntp=servers("ntp"),
        domain=str(domain) if domain else None,
        mtu=mtu,
        lease_time=lease,
        unknown=unknown,
        mode=mode,
        allow_default_route=_yes(faults, master, f"{where}.allow_default_route", spec.get("allow_default_route")),
        allow_other_dhcp=_yes(faults, master, f"{where}.allow_other_dhcp", spec.get("allow_other_dhcp")),
    )


def _interface(faults, master, where, wanted, own, interfaces) -> str | None:
    if wanted and not _INTERFACE.fullmatch(wanted):
        return faults.add(master, f"{where}.interface", wanted, f"is no interface's name; {_listed(interfaces)}")
    if interfaces is None:
        if not wanted:
            return faults.add(master, f"{where}.interface", None, "name the interface on this network, or set NETBOOT_INTERFACE")
        return wanted
    if wanted:
        if wanted not in interfaces:
            return faults.add(master, f"{where}.interface", wanted, f"does not exist on {master}; {_listed(interfaces)}")
        return wanted
    for name, addresses in interfaces.items():
        if any(str(address).split("/", maxsplit=1)[0] == str(own) for address in addresses):
            return str(name)
    return faults.add(master, f"{where}.interface", None, f"no interface of {master} has the address {own}; {_listed(interfaces)}")


def _listed(interfaces) -> str:
    if interfaces is None:
        return "its interfaces are not known"
    return "its interfaces are " + ", ".join(
        f"{name} ({', '.join(map(str, addresses)) or 'no address'})" for name, addresses in interfaces.items()
    )


def _carried(interfaces, wanted, cidr) -> ipaddress.IPv4Address | None:
    """The address in C(cidr) that the interface, or any interface, carries already."""
    for name, addresses in (interfaces or {}).items():
        for address in addresses:
            ip = ipaddress.ip_interface(str(address)).ip
            if ip in cidr and wanted in ("", name):
                return ip
    return None


def _pool(faults, master, where, value, cidr, taken) -> tuple[str, str] | None:
    if value is None or value == "":
        return None
    ends = [part.strip() for part in value.split("-")] if isinstance(value, str) else [str(part) for part in _list(value)]
    form = f"write the first and the last address, like '{cidr[-3]}-{cidr[-2]}'"
    if len(ends) != 2:
        return faults.add(master, f"{where}.pool", value, form)
    first, last = (_address(faults, master, f"{where}.pool", end, cidr) for end in ends)
    if not first or not last:
        return None
    if first > last:
        return faults.add(master, f"{where}.pool", value, f"ends before it begins; {form}")
    for address in taken:
        if first <= address <= last:
            return faults.add(master, f"{where}.pool", value, f"holds {address}, which is taken; leave it out of the pool")
    return str(first), str(last)


def _images(faults, master, common) -> dict[str, dict[str, Any]]:
    images = {}
    for name, spec in {**_tables.IMAGES, **_mapping(faults, master, "netboot_images", common)}.items():
        where = f"netboot_images.{name}"
        if not _NAME.fullmatch(str(name)):
            faults.add(master, where, name, "name an image with letters, digits, dots and dashes")
        elif not isinstance(spec, Mapping) or not spec.get("suite"):
            faults.add(master, where, spec, "say which Debian release it holds, like {suite: bookworm}")
        else:
            _known_keys(faults, master, where, spec, IMAGE_KEYS)
            _choice(faults, master, f"{where}.form", spec.get("form", "directory"), IMAGE_FORMS)
            images[str(name)] = bare(spec)
    return images


def _recipes(faults, master, common) -> dict[str, dict[str, Any]]:
    """Where artefacts come from; what the inventory says of one is laid over what is known of it."""
    own = _mapping(faults, master, "netboot_artefacts", common)
    recipes = {name: dict(recipe) for name, recipe in _tables.ARTEFACTS.items()}
    for name, spec in own.items():
        where = f"netboot_artefacts.{name}"
        if not WORD.fullmatch(str(name)):
            faults.add(master, where, name, "name an artefact with letters, digits, dots and dashes")
            continue
        if not isinstance(spec, Mapping):
            faults.add(
                master, where, spec, "is no mapping; write {url: https://example.com/os/, version: '1.0', files: {vmlinuz: vmlinuz}}"
            )
            continue
        _known_keys(faults, master, where, spec, RECIPE_KEYS)
        recipe = recipes[str(name)] = {**recipes.get(str(name), {}), **bare(spec)}
        if len(recipe.keys() & {"url", "stream", "package"}) != 1:
            faults.add(master, where, spec, "say where it is from: url, stream or package, and only one of them")
        elif "url" in recipe and ("version" in recipe) == ("index" in recipe):
            faults.add(master, where, spec, "say which version: version, or index and pattern")
        for key in ("files", "links"):
            names = recipe.get(key, {})
            if not isinstance(names, Mapping) or (key == "files" and not names):
                faults.add(master, f"{where}.{key}", names, "is no mapping of names; write {vmlinuz: NAME}")
                continue
            for word in names:
                if not WORD.fullmatch(_tables.filled(str(word), {"channel": "x", "release": "x"})):
                    faults.add(master, f"{where}.{key}", word, "is no name of a file; use letters, digits, dots and dashes")
    return recipes


def _profile_of(host) -> str:
    """The name of the profile that a host follows: with a channel of its own, one that differs in nothing but that."""
    channel = host.get("netboot_channel")
    return f"{host.get('netboot_profile', 'debian-nfs')}{f'@{channel}' if channel else ''}"


def _profiles(faults, master, specs, wanted, images, recipes, words) -> tuple[dict[str, Profile], dict[str, Any]]:
    """The profiles that are wanted, as NAME or NAME@CHANNEL, and the recipes of the artefacts that they need."""
    profiles, needed = {}, {}
    for full in wanted:
        name, _at, channel = full.partition("@")
        where = f"netboot_profiles.{name}"
        spec = specs.get(name)
        if name not in specs:
            continue  # the node that wants it is told
        if not _NAME.fullmatch(name):
            faults.add(master, where, name, "name a profile with letters, digits, dots and dashes")
            continue
        if not isinstance(spec, Mapping):
            faults.add(master, where, spec, "is no mapping; write {boot: nfs, image: debian-12}")
            continue
        channel = channel or _tables.filled(str(spec.get("channel") or ""), words)
        if channel and not WORD.fullmatch(channel):
            faults.add(master, "netboot_channel", channel, "is no word of letters, digits, dots and dashes, like stable")
            continue
        if not channel and _tables.has(bare(spec), "channel"):
            continue
        spec = _tables.filled(bare(spec), {**words, "channel": channel})
        boot = _choice(faults, master, f"{where}.boot", spec.get("boot"), _PROFILE_KEYS)
        if boot:
            profiles[full] = _profile(faults, master, where, Profile(full, boot), spec, images)
            names, more = _needed(faults, master, where, spec, recipes, {**words, "channel": channel})
            profiles[full] = dataclasses.replace(profiles[full], artefacts=names)
            needed |= more
    return profiles, needed


def _needed(faults, master, where, spec, recipes, words) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The artefacts of a profile: those of a channel have its name in theirs."""
    needed = {}
    for name in _list(spec.get("artefacts")):
        recipe = recipes.get(name)
        if not recipe:
            faults.add(master, f"{where}.artefacts", name, f"is not in netboot_artefacts; there are {_names(recipes)}")
        elif not _tables.has(recipe, "channel"):
            needed[name] = _tables.filled(recipe, words)
        elif words["channel"]:
            needed[f"{name}-{words['channel']}"] = _tables.filled(recipe, words)
        else:
            faults.add(master, f"{where}.channel", None, f"is missing: the artefact {name} is there by channel")
    return tuple(needed), needed


def _profile(faults, master, where, profile, spec, images) -> Profile:
    _known_keys(faults, master, where, spec, _PROFILE_KEYS[profile.boot])
    changes: dict[str, Any] = {
        "loader": _loader(faults, master, f"{where}.loader", spec.get("loader", "auto"), profile.boot),
        "kernel_args": _kernel_args(faults, master, f"{where}.kernel_args", spec.get("kernel_args")),
        "memory": _number(faults, master, f"{where}.memory", spec.get("memory"), 1, 2**24) or 0,
        **_configuration(faults, master, where, spec),
    }
    if profile.boot == "nfs" or spec.get("image"):
        changes["image"] = str(spec.get("image"))
        form = "directory" if profile.boot == "nfs" else "squashfs"
        fitting = [name for name, image in images.items() if image.get("form", "directory") == form]
        if spec.get("image") not in fitting:
            faults.add(
                master, f"{where}.image", spec.get("image"), f"is not in netboot_images with form: {form}; there are {_names(fitting)}"
            )
    if profile.boot == "http":
        form = "give a path below /srv/http, like images/flatcar/vmlinuz, or an http:// URL"
        changes["kernel"] = _file(faults, master, f"{where}.kernel", spec.get("kernel"), form)
        changes["mode"] = _choice(faults, master, f"{where}.mode", spec.get("mode", "run"), PROFILE_MODES) or "run"
        changes |= _installer(faults, master, where, spec, changes)
        changes["initrd"] = tuple(_file(faults, master, f"{where}.initrd", item, form) for item in _list(spec.get("initrd")))
        for key in ("pxelinux_config", "pxelinux_prefix"):
            if spec.get(key):
                changes[key] = _file(
                    faults, master, f"{where}.{key}", spec[key], "give a path below the TFTP root, like pxelinux.cfg/stable"
                )
    return dataclasses.replace(profile, **changes)


def _installer(faults, master, where, spec, profile) -> dict[str, Any]:
    """What makes the installer's configuration. Only iPXE asks each time again whether the disk is installed by now."""
    if profile["mode"] != "install":
        if spec.get("install_template"):
            faults.add(master, f"{where}.install_template", spec["install_template"], "has no use without mode: install")
        return {}
    if not profile.get("config"):
        faults.add(
            master, f"{where}.config", None, f"is missing: an installer has to be told what to do; choose {_names(CONFIG_KINDS, 'or')}"
        )
    if not spec.get("install_template"):
        faults.add(master, f"{where}.install_template", None, "is missing: name the template of the installer's configuration")
    for key in ("pxelinux_config", "pxelinux_prefix"):
        if spec.get(key):
            faults.add(
                master, f"{where}.{key}", spec[key], "would install each time, as PXELINUX does not ask what is installed; take it out"
            )
    if profile["loader"] not in _ASKING:
        faults.add(master, f"{where}.loader", profile["loader"], _NOT_ASKING)
    return {
        "install_templates": _templates(
            faults, master, f"{where}.install_template", spec.get("install_template"), profile.get("config", "")
        )
    }


def _configuration(faults, master, where, spec) -> dict[str, Any]:
    """The fields of a profile that say what its nodes fetch."""
    if not spec.get("config"):
        for key in ("template", "ignition"):
            if spec.get(key):
                faults.add(master, f"{where}.{key}", spec[key], f"has no use without config; choose {_names(CONFIG_KINDS, 'or')}")
        return {}
    kind = _choice(faults, master, f"{where}.config", spec["config"], CONFIG_KINDS) or ""
    if kind != "ignition" and spec.get("ignition"):
        faults.add(master, f"{where}.ignition", spec["ignition"], "is the spec of config: ignition and of no other kind")
    return {
        "config": kind,
        "templates": _templates(faults, master, f"{where}.template", spec.get("template"), kind),
        "ignition": _choice(faults, master, f"{where}.ignition", spec.get("ignition", "3.3.0"), IGNITION_SPECS),
    }


def _templates(faults, host, variable, value, kind) -> dict[str, str]:
    """The template of each file; user-data is what others call the configuration."""
    named = value if isinstance(value, Mapping) else {"config": value} if value else {}
    found = {"config" if file == "user-data" else str(file): str(name) for file, name in named.items()}
    for file, name in found.items():
        if file not in CONFIG_KINDS.get(kind, ()):
            faults.add(
                host, variable, file, f"is no file of config: {kind or 'none'}; give the name of a template, or those of nocloud's files"
            )
        elif not _FILE.fullmatch(name) or "://" in name:
            faults.add(host, variable, name, "is no template's name; give a path below one of cloud_config_templates")
    return found


def _linked(faults, master, common, profiles, nodes) -> list[Node]:
    """The nodes with what nobody guesses of the URLs of their configurations, if that is asked for."""
    _number(faults, master, "netboot_config_life", _given(common, "netboot_config_life", 2), 1, 8760)
    secret = common.get("netboot_config_secret")
    if not secret:
        return nodes
    if not _SECRET.fullmatch(str(secret)):
        faults.add(master, "netboot_config_secret", secret, "takes 20 or more letters, digits, dashes and underscores; make it at random")
    for node in nodes:
        profile = profiles[node.profile]
        loader = node.loader or profile.loader
        if profile.boot != "local" and loader not in _ASKING and any(_LINKED.search(arg) for arg in profile.kernel_args + node.kernel_args):
            right = "reads by TFTP, which gives every file to everybody, so netboot_config_secret cannot keep its URL; choose auto or ipxe"
            faults.add(node.name, "netboot_loader", loader, right)
    return [dataclasses.replace(node, link=f"{LINK}/") for node in nodes]


def _loader(faults, host, variable, value, boot) -> str:
    loader = _choice(faults, host, variable, value, LOADERS)
    if loader == "grub" and boot == "http":
        faults.add(host, variable, value, "reads no kernel over HTTP; choose auto, ipxe or pxelinux")
    return loader or "auto"


def _binaries(faults, master, common, release) -> dict[str, dict[str, str]]:
    packages = {name: binary.package(release) for name, binary in BINARIES.items()}
    binaries = {name: {"package": package, "path": BINARIES[name].path} for name, package in packages.items() if package}
    for name, spec in _mapping(faults, master, "netboot_binaries", common).items():
        where = f"netboot_binaries.{name}"
        if name not in BINARIES:
            faults.add(master, where, name, f"is no boot loader that machines are told of; there are {_names(BINARIES)}")
        elif not isinstance(spec, Mapping) or not spec.get("src"):
            faults.add(master, where, spec, "say where the file is and what it is, like {src: files/snponly.efi, sha256: …}")
        elif not _SHA256.fullmatch(str(spec.get("sha256"))):
            faults.add(master, f"{where}.sha256", spec.get("sha256"), "is no SHA-256; take what sha256sum prints, 64 digits from 0 to f")
        else:
            _known_keys(faults, master, where, spec, {"src", "sha256"})
            binaries[str(name)] = {"src": str(spec["src"]), "sha256": str(spec["sha256"])}
    return binaries


def _node(faults, name, host, subnets, profiles, specs, gone, master) -> Node | None:
    for variable in host:
        if variable.startswith("netboot_") and variable not in NODE_VARIABLES and variable not in MASTER_VARIABLES:
            close = difflib.get_close_matches(variable, NODE_VARIABLES, 1)
            hint = f"did you mean {close[0]}?" if close else f"a node has {_names(NODE_VARIABLES)}"
            # It may be that of a secret, misspelt.
            faults.add(name, variable, _secrets.HIDDEN, f"is no variable of this collection; {hint}")
    if name == master:
        faults.add(name, "inventory_hostname", name, "is the master and cannot boot from itself; take it out of the nodes' group")
    if not _LABEL.fullmatch(name):
        faults.add(name, "inventory_hostname", name, "is no RFC 1123 label; use 1 to 63 letters, digits and inner dashes")
    state = "absent" if name in gone else _choice(faults, name, "netboot_state", host.get("netboot_state", "present"), STATES)
    macs = _macs(faults, name, host.get("netboot_mac"), required=state == "present")
    uuid = _uuid(faults, name, host.get("netboot_uuid"))
    profile = _profile_of(host)
    if profile.partition("@")[0] not in specs:
        faults.add(name, "netboot_profile", profile.partition("@")[0], f"is not in netboot_profiles; there are {_names(specs)}")
    elif host.get("netboot_channel") and not _tables.has(bare(specs[profile.partition("@")[0]]), "channel"):
        faults.add(name, "netboot_channel", host["netboot_channel"], "has no use: its profile is the same in all channels")
    elif profile not in profiles and "@" not in profile:
        faults.add(name, "netboot_channel", None, f"is missing: {profile} is there in many versions; name one, like v1.13.0")
    elif profile in profiles:
        _enough_memory(faults, name, host.get("netboot_memory"), profiles[profile])
    ip = host.get("netboot_ip")
    network = None
    if ip is None and state == "absent":
        ip = ""
    elif address := _address(faults, name, "netboot_ip", ip):
        network = next((network for network, cidr in subnets if address in cidr), None)
        if network:
            _node_address(faults, name, address, network)
        elif subnets:
            faults.add(name, "netboot_ip", address, f"is in no network; there are {', '.join(f'{n.name} ({c})' for n, c in subnets)}")
    args = _kernel_args(faults, name, "netboot_kernel_args", host.get("netboot_kernel_args"))
    loader = _node_loader(faults, name, host.get("netboot_loader"), profiles.get(profile), args)
    bmc = _bmc(faults, name, host.get("netboot_bmc"))
    kind = profiles[profile].config if profile in profiles else ""
    templates = _templates(faults, name, "netboot_template", host.get("netboot_template"), kind) if profile in profiles else {}
    if profile in profiles:
        _tokens(faults, name, profiles[profile].kernel_args + args, profiles[profile])
    disks = _payload(faults, name, host, kind) if profile in profiles else ()
    target = _install_disk(faults, name, host.get("netboot_install_disk"), profiles.get(profile), disks, args)
    return Node(
        name,
        macs,
        str(ip),
        network.name if network else "",
        profile,
        uuid,
        loader,
        args,
        state or "present",
        bmc,
        templates,
        disks=disks,
        install_disk=target,
        quota=_quota(faults, name, host.get("netboot_quota", DEFAULT_QUOTA)),
        renamed_from=_former_name(faults, name, host.get("netboot_renamed_from")),
    )


def _quota(faults, name, value) -> int:
    """The most that a root may hold, in bytes."""
    found = _QUOTA.fullmatch(str(value))
    size = int(found[1]) << {"M": 20, "G": 30, "T": 40}[found[2]] if found else 0
    if not LEAST_QUOTA <= size <= MOST_QUOTA:
        faults.add(name, "netboot_quota", value, f"is not a valid size; expected {LEAST_QUOTA >> 20}M to {MOST_QUOTA >> 40}T, like 16G")
    return size


def _former_name(faults, name, value) -> str:
    if value and not _LABEL.fullmatch(str(value)):
        faults.add(name, "netboot_renamed_from", value, "is not a valid host name; expected the name that the node had before")
    return str(value or "")


def _install_disk(faults, name, value, profile, disks, args) -> str:
    """The disk that the node's system is put onto: never one that somebody has guessed, and none that has another use."""
    variable = "netboot_install_disk"
    if not profile or profile.mode != "install":
        if value and profile:
            faults.add(name, variable, value, f"has no use: the profile {profile.name} installs nothing; choose one with mode: install")
        return ""
    if not _disks.DEVICE.fullmatch(str(value or "")):
        faults.add(name, variable, value, "name the disk that is to be overwritten, like /dev/vda or /dev/disk/by-id/virtio-system")
    for disk in disks:
        if disk.device == value:
            faults.add(name, "netboot_disks", value, "is the disk that the system is installed on; leave it out")
    for arg in args:
        # The installed system starts from GRUB's menu.
        if _lines.misread(["grub"], [arg]):
            faults.add(name, "netboot_kernel_args", arg, "is read by GRUB on the installed disk as its own; write it without quotes")
    return str(value or "")


def _payload(faults, name, host, kind) -> tuple[Disk, ...]:
    """What the node is to mount and to run, both by its configuration. The containers' variables may be secret and stay behind."""
    disks = _disks.disks(faults, name, host.get("netboot_disks"))
    containers = _disks.containers(faults, name, host.get("netboot_containers"))
    made = {"netboot_disks": [disk.device for disk in disks if disk.filesystem], "netboot_containers": [item.name for item in containers]}
    for variable, items in made.items():
        if items and not kind:
            faults.add(name, variable, items, "is set up by the node's configuration; give its profile one, such as config: nocloud")
    if containers and kind == "talos":
        faults.add(name, "netboot_containers", made["netboot_containers"], "Talos runs none but those of Kubernetes; deploy them there")
    return disks


def _enough_memory(faults, name, value, profile) -> None:
    memory = _number(faults, name, "netboot_memory", value, 1, 2**24)
    if memory and memory < profile.memory:
        faults.add(name, "netboot_memory", memory, f"is less than {profile.name} needs: {profile.memory} MiB")


def _tokens(faults, name, args, profile) -> None:
    for arg in args:
        for token in _TOKEN.findall(arg):
            if token not in TOKENS:
                faults.add(name, "netboot_kernel_args", arg, f"has a word in braces that stands for nothing; there are {_names(TOKENS)}")
            elif ("url" in token and not profile.config) or ("datasource" in token and profile.config != "nocloud"):
                faults.add(name, "netboot_kernel_args", arg, "needs a profile that has a configuration; give the profile its config")
            elif token.startswith("install_") and profile.mode != "install":
                faults.add(name, "netboot_kernel_args", arg, "needs a profile that installs; give the profile mode: install")


def _node_loader(faults, name, value, profile, args) -> str:
    """The node's own loader, if it has one."""
    if not profile:
        return ""
    loader = _loader(faults, name, "netboot_loader", value, profile.boot) if value else ""
    if profile.mode == "install" and loader and loader not in _ASKING:
        faults.add(name, "netboot_loader", loader, _NOT_ASKING)
    if profile.pxelinux_config and args:
        faults.add(
            name, "netboot_kernel_args", " ".join(args), f"has no place in {profile.pxelinux_config}, which the profile's nodes share"
        )
    return loader


def _node_address(faults, name, address, network) -> None:
    cidr = ipaddress.IPv4Network(network.cidr)
    what = {
        network.address: "the master's own",
        network.gateway: "the gateway's",
        str(cidr.network_address): "the network's",
        str(cidr.broadcast_address): "the broadcast",
    }
    if str(address) in what:
        faults.add(name, "netboot_ip", address, f"is {what[str(address)]} address on {network.name}; choose a free one in {network.cidr}")
    elif network.pool and ipaddress.IPv4Address(network.pool[0]) <= address <= ipaddress.IPv4Address(network.pool[1]):
        faults.add(name, "netboot_ip", address, f"is inside {network.name}'s pool {'-'.join(network.pool)}; choose one outside it")


def _unique(faults, master, master_macs, networks, nodes) -> None:
    present = [node for node in nodes if node.state == "present"]
    names = {node.name for node in nodes}
    for node in present:
        if node.renamed_from in names:
            right = "is still in the inventory; expected the former name of this node, which no other host has"
            faults.add(node.name, "netboot_renamed_from", node.renamed_from, right)
    owners: dict[tuple[str, str], str] = {("netboot_mac", mac): master for mac in master_macs}
    owners |= {("netboot_ip", network.address): master for network in networks.values()}
    own = {network.address for network in networks.values()}
    for node in present:
        claims = [("netboot_mac", mac) for mac in node.macs] + [("inventory_hostname", node.name.lower())]
        claims += [("netboot_ip", node.ip)] if node.ip not in own else []  # the master's address is a fault of its own
        claims += [("netboot_uuid", node.uuid)] if node.uuid else []
        claims += [("netboot_renamed_from", node.renamed_from)] if node.renamed_from else []
        for variable, value in claims:
            owner = owners.setdefault((variable, value), node.name)
            if owner != node.name:
                faults.add(node.name, variable, value, f"is {owner}'s too; every machine needs its own")


def _shared(faults, master, networks, profiles, nodes) -> None:
    """A PXELINUX configuration that nodes share has one master's address in it, and a DHCP option of the master leads to it."""
    for profile in profiles.values():
        used = {node.network for node in nodes if node.profile == profile.name and node.network} if profile.pxelinux_config else set()
        where = f"netboot_profiles.{profile.name}.pxelinux_config"
        if len(used) > 1 and "://" not in profile.kernel:
            faults.add(master, where, profile.pxelinux_config, f"is one file for {_names(used)}; give each network a profile of its own")
        for name in sorted(used):
            if networks[name].mode == "proxy":
                faults.add(master, where, profile.pxelinux_config, f"cannot be told on {name}, where another server gives the addresses")


def _runnable(faults, common, profiles, images, hosts, nodes) -> None:
    """Images that are made here can run containers only with what runs them."""
    for node in nodes:
        profile = profiles.get(node.profile)
        if node.state == "absent" or not profile or not profile.config or not hosts[node.name].get("netboot_containers"):
            continue
        name, spec = profile.image, images.get(profile.image)
        if not spec:
            continue
        more = spec["extra_packages"] if "extra_packages" in spec else common.get("nfs_root_extra_packages")
        if not {"podman", "docker.io"} & {*map(str, [*_list(spec.get("packages")), *_list(more)])}:
            right = f"has nothing that runs containers; write netboot_images: {{{name}: {{…, extra_packages: [podman, crun, netavark]}}}}"
            faults.add(node.name, "netboot_containers", name, right)


# --- values ----------------------------------------------------------------------------------------------------------


def _macs(faults, host, value, required) -> tuple[str, ...]:
    macs = []
    for item in _list(value):
        try:
            macs.append(canonical_mac(item))
        except ValueError as error:
            faults.add(host, "netboot_mac", item, str(error))
    if required and not _list(value):
        faults.add(host, "netboot_mac", value, "give the MAC of the card that boots, like '52:54:00:12:34:56'")
    return tuple(dict.fromkeys(macs))


def _address(faults, host, variable, value, inside=None) -> ipaddress.IPv4Address | None:
    try:
        address = ipaddress.IPv4Address(str(value))
    except ValueError:
        example = inside[1] if inside is not None and inside.num_addresses > 1 else "10.0.33.11"
        return faults.add(host, variable, value, f"is no IPv4 address; write one like {example}")
    if inside is not None and (address not in inside or address in (inside.network_address, inside.broadcast_address)):
        return faults.add(host, variable, value, f"is no host address of {inside}; choose one from {inside[1]} to {inside[-2]}")
    return address


def _uuid(faults, host, value) -> str | None:
    try:
        return str(uuidlib.UUID(str(value))) if value else None
    except ValueError:
        return faults.add(host, "netboot_uuid", value, "is no UUID; copy it from the firmware, like 4c4c4544-0042-4a10-8056-b4c04f395931")


def _bmc(faults, host, value) -> Bmc | None:
    if not value:
        return None
    if not isinstance(value, Mapping):
        return faults.add(host, "netboot_bmc", value, "is no mapping; write {address: 10.0.44.11, user: admin, password: …}")
    _known_keys(faults, host, "netboot_bmc", value, {"address", "port", "protocol", "user", "password"})
    protocol = _choice(faults, host, "netboot_bmc.protocol", value.get("protocol", "ipmi"), BMC_PROTOCOLS)
    address = _address(faults, host, "netboot_bmc.address", value.get("address"))
    if _PLACEHOLDER.fullmatch(str(value.get("password", "none"))):
        faults.add(host, "netboot_bmc.password", value["password"], "is a placeholder; put the real one into a vault")
    port = _number(faults, host, "netboot_bmc.port", _given(value, "port", BMC_PROTOCOLS.get(protocol)), 1, 65535)
    return Bmc(str(address), protocol, port) if address and protocol and port else None


def _kernel_args(faults, host, variable, value) -> tuple[str, ...]:
    args = value.split() if isinstance(value, str) else [str(item) for item in _list(value)]
    for arg in args:
        if not _KERNEL_ARG.fullmatch(arg):
            faults.add(
                host, variable, arg, "holds a space or a character that no boot loader passes on; give one printable argument an entry"
            )
    return tuple(args)


def _file(faults, host, variable, value, form) -> str:
    if not _FILE.fullmatch(str(value or "")):
        faults.add(host, variable, value, form)
    return str(value)


def _yes(faults, host, variable, value) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    return faults.add(host, variable, value, "say true or false") or False


def _number(faults, host, variable, value, low, high) -> int | None:
    if value is None:
        return None
    try:
        number = int(str(value))
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        return faults.add(host, variable, value, f"give a whole number from {low} to {high}")
    return number


def _choice(faults, host, variable, value, choices) -> str | None:
    if str(value) in choices:
        return str(value)
    return faults.add(host, variable, value, f"choose {_names(choices, 'or')}")


def _mapping(faults, host, variable, variables) -> Mapping[str, Any]:
    value = variables.get(variable) or {}
    if isinstance(value, Mapping):
        return value
    faults.add(host, variable, value, "is no mapping of names")
    return {}


def _given(spec: Mapping[str, Any], key: str, default: Any) -> Any:
    """A value that may be left out, or left empty."""
    value = spec.get(key)
    return default if value is None else value


def _known_keys(faults, host, where, spec, known) -> None:
    for key in spec:
        if key not in known:
            faults.add(host, f"{where}.{key}", spec[key], f"is not known here; there are {_names(known)}")


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None or value == "" else [value]


def _names(names: Iterable[Any], word: str = "and") -> str:
    ordered = sorted(map(str, names))
    return ordered[0] if len(ordered) == 1 else f"{', '.join(ordered[:-1])} {word} {ordered[-1]}"


def bare(value: Any) -> Any:
    """Plain Python data, whatever subclass of it Ansible handed in."""
    if isinstance(value, Mapping):
        return {str(key): bare(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [bare(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)
