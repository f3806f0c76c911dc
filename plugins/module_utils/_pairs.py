# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""nftables rules that bind the address of each node to its cards (nft(8)). Pure.

What comes with a node's address from another card, or through another interface, is dropped before any service or route sees it, and so
is ARP that says the like: the master never sends what is a node's to another card. Machines that have no address yet, and those of the
pool, are not concerned. How fast one address may begin connections is limited, so that it cannot take all that a service has.

Tables of our own are replaced as one, so no packet meets half a set of rules, and no other table is touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from ._fleet import Fleet

#: New TCP connections to the master that one address may begin in a second, and at once. What a service keeps open for somebody who does not
#: go on is this, times the service's patience.
RATE, BURST = 50, 250

#: The name of the tables, one of the family ip and one of the family arp.
TABLE = "bootyard_pairs"

_HEAD = f"""\
# Written by bootyard.netboot, changes are lost.
table ip {TABLE}
delete table ip {TABLE}
table arp {TABLE}
delete table arp {TABLE}
"""

_SETS = """\
    set addresses {
        type ipv4_addr
        elements = $addresses
    }
    set pairs {
        type ifname . ether_addr . ipv4_addr
        elements = $pairs
    }
"""

_TABLES = """\
table ip {table} {{
    comment "{digest}"
{sets}    set callers {{
        type ipv4_addr
        size 65535
        flags dynamic, timeout
        timeout 1m
    }}
    chain prerouting {{
        type filter hook prerouting priority raw
        iifname . ether saddr . ip saddr @pairs accept
        ip saddr @addresses limit rate 1/second log prefix "bootyard: not this node's card: "
        ip saddr @addresses counter drop
    }}
    chain calls {{
        type filter hook prerouting priority raw + 1
        ip daddr $masters tcp flags & (syn | ack) == syn update @callers {{ ip saddr limit rate over {rate}/second burst {burst} packets }} counter drop
    }}
}}
table arp {table} {{
{sets}    chain input {{
        type filter hook input priority filter
        iifname . arp saddr ether . arp saddr ip @pairs accept
        arp saddr ip @addresses counter drop
    }}
}}
"""


def rules(fleet: Fleet, networks: Collection[str]) -> str:
    """A file for nft that binds the nodes of C(networks), and replaces what an earlier one bound. Without nodes it only does the latter."""
    body = _body(fleet, networks)
    return _HEAD + body + _TABLES.format(table=TABLE, digest=_digest(body), sets=_SETS, rate=RATE, burst=BURST) if body else _HEAD


def probe(fleet: Fleet, networks: Collection[str]) -> dict[str, dict[str, str]]:
    """The question that only a kernel which has these rules answers rightly."""
    body = _body(fleet, networks)
    return {"nftables": {"table": f"ip {TABLE}", "text": _digest(body)}} if body else {}


def _body(fleet: Fleet, networks: Collection[str]) -> str:
    if unknown := sorted(set(networks) - set(fleet.networks)):
        raise ValueError(
            f"network_pair_filter = {unknown}: is not a network; expected names of netboot_networks: {', '.join(fleet.networks)}"
        )
    nodes = [node for node in fleet.present if node.network in networks]
    if not nodes:
        return ""
    addresses = ",\n".join(f"    {node.ip}" for node in nodes)
    pairs = ",\n".join(f'    "{fleet.networks[node.network].interface}" . {mac} . {node.ip}' for node in nodes for mac in node.macs)
    masters = ", ".join(fleet.networks[name].address for name in dict.fromkeys(node.network for node in nodes))
    return f"define masters = {{ {masters} }}\ndefine addresses = {{\n{addresses}\n}}\ndefine pairs = {{\n{pairs}\n}}\n"


def _digest(text: str) -> str:
    return hashlib.sha256(f"{text}{_TABLES}{_SETS}{RATE}{BURST}".encode()).hexdigest()
