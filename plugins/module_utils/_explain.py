# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What a machine would boot, hop by hop, before it is switched on.

The DHCP hops are the decisions of L(_bootchain); every other hop is read off the files that the machine would fetch, as
it would read them, so what is promised here is what is published.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from . import _bootchain
from ._fleet import Fleet
from ._installs import tells
from ._ipxe import DISK
from ._loaders import CLIENTS, COMPANIONS, SCRIPT, Client
from ._pxelinux import filename

BOOTS, NOTHING, BROKEN = "boots", "nothing", "broken"

#: What a machine of the kind asks again as, once it runs iPXE; it says which build it is (iPXE, src/net/udp/dhcp.c).
_IPXE = {client.name: client for client in CLIENTS if client.is_ipxe}
_ARCHITECTURE_OF_IPXE = {"ipxe-bios": 0, "ipxe": 7}

_MOST_HOPS = 30  # the longest chain there is has twelve


@dataclass(frozen=True)
class File:
    """A file as it is published: C(size) in bytes and C(sha256), both None where nobody here can know; C(text) of scripts."""

    size: int | None = None
    sha256: str | None = None
    text: str = ""


@dataclass
class Chain:
    """All hops of one machine with one firmware. C(status) is boots, nothing or broken, and C(outcome) says with what."""

    node: str
    mac: str
    firmware: str
    status: str = NOTHING
    outcome: str = ""
    hops: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    def line(self) -> str:
        """The chain in one line."""
        return f"{self.node} ({self.mac}) as {self.firmware}: {self.status}: {self.outcome}"

    def lines(self) -> list[str]:
        """The chain for people, a line a fact."""
        rows = [f"{self.node} ({self.mac}) as {self.firmware}"]
        for number, hop in enumerate(self.hops, 1):
            head, *more = _hop_lines(hop)
            rows += [f" {number:2} {head}", *(f"    {row}" for row in more)]
        return [*rows, f"  = {self.status}: {self.outcome}"]


class _End(Exception):
    """The chain ends here: its status and the reason."""


def explain(
    fleet: Fleet,
    machines: Iterable[tuple[str, str, str]],
    firmware: Iterable[str],
    read: Callable[[str], File | None],
    has_root: Callable[[str], bool],
    states: Mapping[str, str] | None = None,
) -> Iterator[Chain]:
    """The chain of every machine (name, MAC, network) with every firmware, a name of L(CLIENTS).

    C(read) finds the file behind a URL, C(has_root) tells whether a path is a root that is ready. C(states) says of nodes that
    install themselves how far they are.
    """
    clients = [client for client in CLIENTS if client.name in set(firmware)]
    for name, mac, network in machines:
        for client in clients:
            yield _Walk(fleet, Chain(name, mac, client.name), network, read, has_root, states or {}).go(client)


class _Walk:
    """One machine on its way."""

    def __init__(self, fleet, chain, network, read, has_root, states) -> None:
        self.fleet, self.chain, self.network, self.read, self.has_root, self.states = fleet, chain, network, read, has_root, states
        self.server = fleet.networks[network].address

    def go(self, client: Client) -> Chain:
        """Walk to the end, whatever it is."""
        try:
            self.dhcp(client)
        except _End as end:
            self.chain.status, self.chain.outcome = end.args
        return self.chain

    def dhcp(self, client: Client) -> None:
        """Ask for an address, and follow what is told."""
        request = _request(client, self.network, self.chain.mac)
        told = _bootchain.decide(self.fleet, request)
        said = {
            "architectures": list(request.architectures),
            "vendor_class": request.vendor_class,
            "user_class": request.user_class.decode(),
        }
        if told is None:
            self.hop("dhcp", sends=said, told=None, why="strangers get no answer on this network")
            raise _End(NOTHING, "no answer")
        options = {str(number): value.decode(errors="backslashreplace") for number, value in told.options.items()}
        answer = {"next_server": told.next_server, "file": told.file, "options": options}
        self.hop("dhcp", sends=said, told=answer, why=told.reason)
        if not told.file:
            raise _End(NOTHING, told.reason)
        url = told.file if "://" in told.file else f"tftp://{told.next_server}{told.file}"
        self.run(client, url, told.options)

    def run(self, client: Client, url: str, options: dict[int, bytes]) -> None:
        """Fetch a loader and do what it does."""
        file, name = self.fetch(url), url.rpartition("/")[2]
        if name in COMPANIONS:
            self.fetch(f"{url.rpartition('/')[0]}/{COMPANIONS[name]}")
        if name == SCRIPT:
            self.script(url.removesuffix(SCRIPT))
        elif name in ("pxelinux.0", "lpxelinux.0"):
            prefix = options.get(_bootchain.PATH_PREFIX, b"").decode()
            config = options.get(_bootchain.CONFIG_FILE, f"pxelinux.cfg/{filename(self.chain.mac)}".encode()).decode()
            self.kernel(self.fetch(self.tftp(f"/{prefix}{config}")), _PXELINUX)
        elif name in ("shimx64.efi", "grubia32.efi"):
            self.fetch(self.tftp("/grub/grub.cfg"))
            self.kernel(self.fetch(self.tftp(f"/grub/by-mac/{self.chain.mac}.cfg")), _GRUB)
        elif client.is_ipxe:
            raise _End(BROKEN, f"an iPXE that runs is told {url}, and would be for ever")
        elif file:
            self.dhcp(_IPXE["ipxe-bios" if client.name.startswith("bios") else "ipxe"])

    def script(self, base: str) -> None:
        """What boot.ipxe looks for: the script of the card, then of the machine, then everybody's."""
        node = self.fleet.node_of(self.chain.mac)
        wanted = [f"by-mac/{self.chain.mac.replace(':', '-')}.ipxe", *([f"by-uuid/{node.uuid}.ipxe"] if node and node.uuid else [])]
        found = next((path for path in wanted if self.read(base + path)), "default.ipxe")
        state = self.states.get(node.name) if node else None
        if state == "installed" and found in wanted:
            found = DISK  # so the web server answers
        if node and found == "default.ipxe":
            raise _End(BROKEN, f"{node.name} is to boot {self.fleet.profiles[node.profile].boot}, but {base}{wanted[0]} is missing")
        try:
            self.kernel(self.fetch(base + found), _IPXE_SCRIPT)
        except _End as end:
            status, outcome = end.args
            raise _End(status, f"{outcome}: {tells(node, state)}" if state and status != BROKEN else outcome) from None

    def kernel(self, config: File, grammar: dict[str, str]) -> None:
        """What a loader's configuration boots."""
        said = {key: re.findall(pattern, config.text, re.MULTILINE) for key, pattern in grammar.items()}
        if not said["kernel"]:
            raise _End(NOTHING, "it leaves to the next boot device")
        kernel = self.absolute(said["kernel"][0])
        arguments = " ".join(said["arguments"])
        self.fetch(kernel)
        for initrd in (self.absolute(word) for line in said["initrd"] for word in re.split(r"[ ,]", line)):
            self.fetch(initrd)
        self.hop("kernel", url=kernel, arguments=arguments)
        root = re.search(r"nfsroot=([^:\s]+):([^,\s]+)", arguments)
        if not root:
            raise _End(BOOTS, kernel)
        if root[1] == self.server and not self.has_root(root[2]):
            raise _End(BROKEN, f"the root {root[2]} is not there")
        raise _End(BOOTS, f"{kernel} with the root {root[1]}:{root[2]}")

    def fetch(self, url: str) -> File:
        """Fetch a file that must be there."""
        if len(self.chain.hops) > _MOST_HOPS:
            raise _End(BROKEN, "it goes on without end")
        file = self.read(url)
        self.hop("fetch", url=url, size=file and file.size, sha256=file and file.sha256, found=bool(file))
        if not file:
            raise _End(BROKEN, f"{url} is missing")
        return file

    def absolute(self, path: str) -> str:
        return path if "://" in path else self.tftp(path.removeprefix("(tftp)"))

    def tftp(self, path: str) -> str:
        return f"tftp://{self.server}/{path.lstrip('/')}"

    def hop(self, kind: str, **facts: Any) -> None:
        self.chain.hops.append({"hop": kind, **facts})


#: How the configurations that this collection writes say what to boot: each pattern yields its values line by line.
_PXELINUX = {"kernel": r"^ *KERNEL (\S+)", "initrd": r"^ *INITRD (\S+)", "arguments": r"^ *APPEND (.*)"}
_GRUB = {"kernel": r"^ *linux (\S+)", "initrd": r"^ *initrd (\S.*)", "arguments": r"^ *linux \S+ (.*)"}
_IPXE_SCRIPT = {
    "kernel": r"^ *kernel (?:--\S+ )*(\S+)",
    "initrd": r"^ *initrd (?:--name \S+ )?(\S+)",
    "arguments": r"^ *kernel (?:--\S+ )*\S+ (.*?)(?: \|\| .*)?$",
}


def path_of(url: str, server_paths: dict[str, str], addresses: Iterable[str]) -> str | None:
    """The local path behind a URL of this master, by scheme; None for another server's."""
    parts = urlsplit(url)
    if parts.hostname in addresses and parts.scheme in server_paths:
        return f"{server_paths[parts.scheme]}/{parts.path.lstrip('/')}"
    return None


def _request(client: Client, network: str, mac: str) -> _bootchain.Request:
    """What a machine of that kind says (RFC 4578; iPXE says the architecture that it was built for)."""
    code = _ARCHITECTURE_OF_IPXE.get(client.name, client.codes[0] if client.codes else 0)
    vendor = f"{client.vendor or 'PXEClient'}:Arch:{code:05d}:UNDI:003016"
    return _bootchain.Request(network, mac, (code,), vendor, b"iPXE" if client.is_ipxe else b"", client.is_ipxe)


def _hop_lines(hop: dict[str, Any]) -> list[str]:
    if hop["hop"] == "fetch":
        about = f"{hop['size']} bytes, sha256 {hop['sha256']}" if hop["size"] is not None else "elsewhere" if hop["found"] else "MISSING"
        return [f"fetches {hop['url']}", about]
    if hop["hop"] == "kernel":
        return [f"starts {hop['url']}", hop["arguments"]]
    sends = hop["sends"]
    rows = [
        "asks for an address, and says "
        + ", ".join(
            [f"architecture {' '.join(map(str, sends['architectures']))}", sends["vendor_class"]]
            + ([f"user class {sends['user_class']}"] if sends["user_class"] else [])
        )
    ]
    if hop["told"] and hop["told"]["next_server"]:
        options = "".join(f", option {number} {value}" for number, value in hop["told"]["options"].items())
        rows.append(f"is told {hop['told']['file'] or 'no file'} from {hop['told']['next_server']}{options}")
    return [*rows, f"because: {hop['why']}"]
