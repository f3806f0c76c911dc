# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""iPXE scripts (ipxe.org/scripting, ipxe.org/cmd) that builds since 2019 run: from boot.ipxe to each machine's own. Pure.

Scripts name each other by relative URLs, so the same ones serve every network. All that a machine does in vain it does six
times in half a minute. C(netX) is the card that iPXE booted from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._fleet import Fleet, Node
from ._lines import misread
from ._loaders import SCRIPT
from ._payload import Payload, http, of_anybody, of_node

_HEAD = "#!ipxe\n# Written by bootyard.netboot, changes are lost\n"

#: UEFI takes success for the end of the matter, and goes on to the next boot device only after a failure; a BIOS whose
#: loader fails has that loader try its other cards first.
_LEAVE = """\
:leave
iseq ${platform} efi && exit 1 ||
exit 0
"""

#: The script of who boots its disk. A BIOS' own order may have no disk; a UEFI has its own idea of what a disk boots.
DISK = "local.ipxe"
_DISK = f"""\
iseq ${{platform}} pcbios && sanboot --no-describe --drive 0x80 ||
{_LEAVE}"""

#: A BIOS machine's iPXE that is no build of the master's own drives the card itself; the master's goes through the ROM.
_REPLACE_ROM = """\
iseq ${platform} pcbios || goto ready
iseq ${netX/chip} undionly && goto ready ||
chain --autofree undionly.kpxe && goto leave ||
:ready
"""

#: Each script that may be there is asked for, and only the answer that there is none leads to the next one: its error
#: has these two numbers (ipxe.org/2d0c613b, ipxe.org/2d0c618e). Another failure may pass.
#: Who comes to the end says who it is, which the server's log keeps for L(_sightings); a colon would end the scheme of a URL.
_SEARCH = """\
:search
set card:int32 -1
:card
inc card
isset ${net${card}/mac} || goto machine
set script by-mac/${net${card}/mac:hexhyp}.ipxe
set next card
goto fetch
:machine
isset ${uuid} || goto stranger
set script by-uuid/${uuid}.ipxe
set next stranger
goto fetch
:stranger
set script default.ipxe?mac=${netX/mac:hexhyp}&uuid=${uuid}&serial=${serial:uristring}&manufacturer=${manufacturer:uristring}\
&product=${product:uristring}&arch=${buildarch}&platform=${platform}
set next failed
:fetch
set wait:int32 1
:try
chain --autofree --replace ${script} || set error ${errno:hexraw}
iseq ${error} 2d0c613b && goto ${next} ||
iseq ${error} 2d0c618e && goto ${next} ||
echo Cannot fetch ${script} (http://ipxe.org/${error})
iseq ${wait} 32 && goto failed ||
sleep ${wait}
inc wait ${wait}
goto try
:failed
echo Nothing to boot: ${script} is not to be had (http://ipxe.org/${error})
sleep 10
"""

_START = """\
set wait:int32 1
:try
imgfree
kernel {kernel} || goto retry
{initrds}boot ||
:retry
set error ${{errno:hexraw}}
echo {name} cannot start {url} (http://ipxe.org/${{error}})
sleep ${{wait}}
iseq ${{wait}} 32 && goto leave ||
inc wait ${{wait}}
goto try
"""


def files(fleet: Fleet, roots: Mapping[str, Mapping[str, Any]], directory: str, menu: bool, replace_rom: bool) -> dict[str, str]:
    """The scripts by path, C(directory) being the HTTP server's root.

    A node has one by each of its MACs, and by its UUID if that is known; none as long as its root is not there. With
    C(menu) boot.ipxe asks for a while what to boot; with C(replace_rom) it first has BIOS machines run the master's iPXE.
    """
    scripts = {SCRIPT: _search(fleet, menu, replace_rom), "default.ipxe": _default(fleet)}
    for node in fleet.present:
        payload = of_node(fleet, node, roots)
        if payload and misread(["ipxe"], payload.arguments):
            # It boots by PXELINUX, and iPXE would run a part of them.
            script = f"{_HEAD}echo {node.name} has kernel arguments that only PXELINUX passes on\nsleep 10\n{_LEAVE}"
        elif payload:
            script = _HEAD + _start(node.name, payload.below(http(fleet.networks[node.network]))) + _LEAVE
        elif fleet.profiles[node.profile].boot == "local":
            script = f"{_HEAD}echo {node.name} boots its disk\n{_DISK}"
        else:
            continue
        scripts |= dict.fromkeys(names(node), script)
    if fleet.installs:
        # The web server gives it to every node that is installed.
        scripts[DISK] = f"{_HEAD}echo This machine is installed and boots its disk\n{_DISK}"
    for name, payload in _choices(fleet).items() if menu else ():
        scripts[f"by-profile/{name}.ipxe"] = _HEAD + _start(name, payload) + _LEAVE
    return {f"{directory}/{name}": text for name, text in scripts.items()}


def names(node: Node) -> list[str]:
    """The names of a node's scripts: one for each card, and one for the machine if that is known."""
    cards = [f"by-mac/{mac.replace(':', '-')}" for mac in node.macs]
    return [f"{name}.ipxe" for name in cards + ([f"by-uuid/{node.uuid}"] if node.uuid else [])]


def _choices(fleet: Fleet) -> dict[str, Payload]:
    """What anybody may choose: kernels that know nothing of a node. Their paths are those of whatever server has the script."""
    found = {name: of_anybody(profile) for name, profile in sorted(fleet.profiles.items())}
    return {name: payload.below("/") for name, payload in found.items() if payload and not misread(["ipxe", "Linux"], payload.arguments)}


def _search(fleet: Fleet, menu: bool, replace_rom: bool) -> str:
    replace = _REPLACE_ROM if replace_rom and "undionly.kpxe" in fleet.binaries else ""
    return _HEAD + replace + (_menu(fleet) if menu else "") + _SEARCH + _LEAVE


def _menu(fleet: Fleet) -> str:
    items = "".join(f"item by-profile/{name}.ipxe {name}\n" for name in _choices(fleet))
    return f"""\
menu {fleet.master}
item search What this machine is to boot
{items}item leave The local disk
choose --default search --timeout 10000 choice || goto search
iseq ${{choice}} search && goto search ||
iseq ${{choice}} leave && goto leave ||
chain --autofree --replace ${{choice}} || goto search
"""


def _default(fleet: Fleet) -> str:
    return f"""\
{_HEAD}echo {fleet.master} has nothing to boot for this machine
echo MAC ${{netX/mac}}, UUID ${{uuid}}, serial number ${{serial:uristring}}
sleep 10
{_LEAVE}"""


def _start(name: str, payload: Payload) -> str:
    """Commands that start a kernel. UEFI's kernels find their initrds by name (Linux, Documentation/admin-guide/efi-stub.rst)."""
    initrds = {f"initrd{number}": url for number, url in enumerate(payload.initrd)}
    words = [payload.kernel, *(f"initrd={name}" for name in initrds), *payload.arguments, "BOOTIF=01-${netX/mac:hexhyp}"]
    fetches = "".join(f"initrd --name {name} {url} || goto retry\n" for name, url in initrds.items())
    return _START.format(name=name, url=payload.kernel, kernel=" ".join(words), initrds=fetches)
