# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""A fleet, its variables and templates in, the files that each node fetches out: all of them checked, or none."""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.bootyard.netboot.plugins.module_utils import _cloud_checks as checks
from ansible_collections.bootyard.netboot.plugins.module_utils import _secrets as secrets
from ansible_collections.bootyard.netboot.plugins.module_utils._disks import containers as read_containers
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import CONFIG_KINDS, Fleet, Network, Node, bare
from ansible_collections.bootyard.netboot.plugins.module_utils._ignition import IgnitionError, from_butane
from ansible_collections.bootyard.netboot.plugins.module_utils._installs import LIFE
from ansible_collections.bootyard.netboot.plugins.module_utils._payload import Payload, http

from . import _cloud_yaml as yaml
from ._cloud_templates import NAME, TemplateError, Templates

#: The variables of a node that are read, those that are merged from the weakest to the strongest. Ansible hands over only
#: the value that wins for a name, so what shall be merged has a name for each layer.
LAYERS = ("netboot_vars_common", "netboot_vars_group", "netboot_vars")
VARIABLES = (*LAYERS, "netboot_containers")
#: What a template gets besides, under names that a variable cannot take away.
GIVEN = ("node", "network", "config_url", "disks", "containers", "install")
#: Where an installer's configuration is, below the node's own.
INSTALL = "install"
#: Faults that are shown; a template that is wrong is so for every node.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that keeps a configuration from being served. C(line) is the template's, 0 where the text as a whole is wrong."""

    node: str
    template: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.node}: {self.template}{f', line {self.line}' if self.line else ''}: {self.message}"


class CloudError(ValueError):
    """Some configurations cannot be served; C(faults) are all of them."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        more = len(self.faults) - SHOWN
        lines = [f"  - {fault}" for fault in self.faults[:SHOWN]] + ([f"  … and {more} more"] if more > 0 else [])
        count = len({fault.node for fault in self.faults})
        nodes = f"{count} nodes" if count > 1 else "1 node"
        super().__init__("\n".join([f"The configurations of {nodes} cannot be served; nothing was changed:", *lines]))


@dataclass(frozen=True, slots=True)
class Rendered:
    """What is published of a node. C(data) is what cloud-init's schema is asked about, C(suite) the release that it is of."""

    files: Mapping[str, str]
    suite: str = ""
    data: Any = None
    template: str = ""


@dataclass(slots=True)
class _Work:
    """One node on its way."""

    node: Node
    kind: str
    spec: str
    values: Mapping[str, Any]
    wipeable: Collection[str]
    templates: Mapping[str, str]
    faults: list[Fault] = field(default_factory=list)

    def template(self, file: str) -> str:
        """The name of a file's template; the configuration itself has one in any case."""
        return self.templates.get(file) or (f"{self.kind}.j2" if file == "config" else "")

    def fault(self, file: str, message: str, line: int = 0) -> None:
        self.faults.append(Fault(self.node.name, self.template(file) or file, line, message))


def render(fleet: Fleet, variables: Mapping[str, Mapping[str, Any]], directories: Iterable[str]) -> dict[str, Rendered]:
    """The files of every configured node, by node. Raises C(CloudError) with all faults of all nodes.

    C(variables) are L(VARIABLES) of each node, as Ansible has them; templates are looked for in C(directories).
    """
    templates, faults, made = Templates(directories), [], {}
    networks = {name: _network(network) for name, network in fleet.networks.items()}
    for node in fleet.configured:
        profile = fleet.profiles[node.profile]
        own = bare(variables.get(node.name, {}))
        work = _Work(node, profile.config, profile.ignition, {}, (), {**profile.templates, **node.templates})
        work.values = _values(work, fleet, networks[node.network], own)
        work.wipeable = {disk.device for disk in node.disks if disk.confirm}
        suite = str(fleet.images.get(profile.image, {}).get("suite", ""))
        if not work.faults:
            made[node.name] = _files(work, templates, suite)
        faults += work.faults
        if profile.mode == "install" and not work.faults:
            installer = dataclasses.replace(work, templates=profile.install_templates)
            made[f"{node.name}/{INSTALL}"] = _files(installer, templates, suite)
            faults += installer.faults
    if faults:
        raise CloudError(faults)
    return made


def _values(work: _Work, fleet: Fleet, network: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What a template can name."""
    node = work.node
    values: dict[str, Any] = {"hostname": node.name, "private_ipv4": node.ip}
    for layer in LAYERS:
        variables = own.get(layer) or {}
        if not isinstance(variables, Mapping):
            work.fault("config", f"{layer} is {secrets.kind(variables)}; write a mapping of names")
            continue
        for name in variables:
            if not NAME.fullmatch(name) or name in GIVEN:
                work.fault(
                    "config", f"{layer}.{name} cannot be named in a template; take letters, digits and _, and none of {', '.join(GIVEN)}"
                )
        values |= variables
    about = {"name": node.name, "ip": node.ip, "mac": node.macs[0], "macs": list(node.macs), "uuid": node.uuid, "profile": node.profile}
    disks = [dataclasses.asdict(disk) | {"source": disk.source} for disk in node.disks]
    # The fleet has them checked.
    containers = [dataclasses.asdict(container) for container in read_containers(None, node.name, own.get("netboot_containers"))]
    about["network"] = node.network
    install = _install(fleet, node) if node.install_disk else {}
    given = {
        "install": install,
        "node": about,
        "network": network,
        "config_url": fleet.config_url(node),
        "disks": disks,
        "containers": containers,
    }
    return {**values, **given}


def _install(fleet: Fleet, node: Node) -> dict[str, Any]:
    """What an installer needs to know."""
    profile, home = fleet.profiles[node.profile], http(fleet.networks[node.network])
    files = Payload(profile.kernel, profile.initrd, ()).below(home)
    images = [f"{home}images/{name}/current/" for name in profile.artefacts]
    urls = {"state_url": fleet.install_state_url(node), "kernel": files.kernel, "initrd": list(files.initrd), "images": images}
    # Those of the profile are the installer's.
    return {"disk": node.install_disk, "life": LIFE, "kernel_args": list(fleet.kernel_args_of(node)[len(profile.kernel_args) :]), **urls}


def _network(network: Network) -> dict[str, Any]:
    cidr = ipaddress.IPv4Network(network.cidr)
    plain = {key: getattr(network, key) for key in ("name", "cidr", "address", "gateway", "domain", "mtu")}
    return {**plain, "netmask": str(cidr.netmask), "prefix": cidr.prefixlen, "dns": list(network.dns), "ntp": list(network.ntp)}


def _files(work: _Work, templates: Templates, suite: str) -> Rendered:
    files = {}
    for file in CONFIG_KINDS[work.kind]:
        # cloud-init asks for all of its files, and for ten seconds for each that is not there.
        files[file] = ""
        if name := work.template(file):
            try:
                files[file] = templates.render(name, work.values, dollars=work.kind in ("coreos", "rancher"))
            except TemplateError as error:
                work.faults.append(Fault(work.node.name, error.template, error.line, str(error)))
    if work.faults:
        return Rendered(files)
    try:
        data = KINDS[work.kind](work, files)
    except (yaml.YamlError, IgnitionError) as error:
        work.fault("config", str(error))
        data = None
    return Rendered(files, suite, data, work.template("config"))


# --- kinds: each finishes the files, tells what is wrong, and returns what a schema is asked about -------------------


def _nocloud(work: _Work, files: dict[str, str]) -> Any:
    for file in ("meta-data", "network-config"):
        if files[file]:
            _mapping_of(work, file, files[file])
    if not files["meta-data"]:
        # cloud-init heeds most of a configuration once for each instance, so another configuration is another instance.
        digest = hashlib.sha256("\0".join(files.values()).encode()).hexdigest()[:12]
        files["meta-data"] = f"instance-id: {work.node.name}-{digest}\nlocal-hostname: {work.node.name}\n"
    for file in ("config", "vendor-data"):
        if files[file] and not files[file].startswith(_USER_DATA):
            work.fault(file, "begins with what cloud-init does not know; it reads what begins with #cloud-config, or a script's #!", 1)
    if not files["config"].startswith("#cloud-config"):
        return None
    data = yaml.load(files["config"])
    # A comment and nothing else is an empty configuration.
    return _checked(work, checks.nocloud, {} if data is None else data)


#: How texts begin that cloud-init reads (docs.cloud-init.io, user-data formats).
_USER_DATA = ("#cloud-config", "#!", "#include", "#cloud-boothook", "#part-handler", "## template: jinja", "Content-Type:", "MIME-Version:")


def _mapping_of(work: _Work, file: str, text: str) -> None:
    try:
        if not isinstance(yaml.load(text), Mapping):
            work.fault(file, "is no mapping of keys")
    except yaml.YamlError as error:
        work.fault(file, str(error))


def _cloud_config(check: Callable[..., checks.Findings]) -> Callable[[_Work, dict[str, str]], Any]:
    """A kind that is YAML below a first line of its own."""

    def kind(work: _Work, files: dict[str, str]) -> None:
        if files["config"].split("\n", 1)[0].rstrip() != "#cloud-config":
            work.fault("config", "does not begin with #cloud-config and would be left out; make that the first line", 1)
        _checked(work, check, yaml.load(files["config"]))

    return kind


def _ignition(work: _Work, files: dict[str, str]) -> None:
    data = from_butane(yaml.load(files["config"]), work.spec)
    _checked(work, checks.ignition, data)
    files["config"] = json.dumps(data, separators=(",", ":"), default=str) + "\n"


def _preseed(work: _Work, files: dict[str, str]) -> None:
    _checked(work, checks.preseed, files["config"])


def _talos(work: _Work, files: dict[str, str]) -> None:
    _checked(work, checks.talos, yaml.load_all(files["config"]))


def _checked(work: _Work, check: Callable[..., checks.Findings], data: Any) -> Any:
    for where, message in check(data, work.wipeable):
        work.fault("config", f"{where} {message}".lstrip())
    return data


KINDS: dict[str, Callable[[_Work, dict[str, str]], Any]] = {
    "nocloud": _nocloud,
    "ignition": _ignition,
    "coreos": _cloud_config(checks.coreos),
    "rancher": _cloud_config(checks.rancher),
    "preseed": _preseed,
    "talos": _talos,
}
