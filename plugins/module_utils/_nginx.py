# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""nginx's configuration for files that machines boot from (nginx.org/en/docs/http/ngx_http_core_module.html). Pure."""

from __future__ import annotations

import hashlib
import re

from ._fleet import Fleet

#: Asked for this, the server says which configuration it runs.
WITNESS = "/.bootyard"

CONFIG = "/etc/nginx/conf.d/bootyard.conf"
#: The file of nginx's package that has the limits of each worker; what else it says is the administrator's.
MAIN = "/etc/nginx/nginx.conf"

#: Connections that a worker has for each node, for who opens many of them at a time, and the least of a master.
_PER_NODE, _LEAST = 8, 8192

_GUARDED = """\
    limit_conn {zone} 64;
    client_header_timeout 10s;
    client_body_timeout 10s;
    keepalive_timeout 20s;
    reset_timedout_connection on;
"""

_CONFIG = """\
# Written by bootyard.netboot, changes are lost. Each worker has {connections} connections.
geo $bootyard_node {{
    default "";
{nodes}}}
{zone}
log_format bootyard escape=json
    '{{"time": "$time_iso8601", "address": "$remote_addr", "node": "$bootyard_node", "method": "$request_method", "uri": "$request_uri", '
    '"status": $status, "bytes": $body_bytes_sent, "seconds": $request_time, "agent": "$http_user_agent"}}';

server {{
{listen}    server_name {names};
    server_tokens off;
{guarded}    root {directory};
    access_log /var/log/nginx/bootyard.log bootyard;

    autoindex off;
    disable_symlinks on from=$document_root;
    sendfile on;
    gzip off;

    default_type application/octet-stream;
    types {{
        # UEFI firmware goes by the type.
        application/efi efi;
        application/json ign json;
        application/vnd.efi-iso iso;
        text/plain cfg ipxe txt yaml yml;
    }}

    location / {{
        limit_except GET {{
            deny all;
        }}
    }}
    location ~ /\\. {{
        return 404;
    }}
    # The generation of an image or artefact that is current is a link beside it.
    location ~ ^/images/[^/]+/current/[^/]+$ {{
        disable_symlinks if_not_owner from=$document_root;
        limit_except GET {{
            deny all;
        }}
    }}
    include /etc/nginx/snippets/bootyard-*.conf;
"""

#: Below a link's own path comes C(SEAL), a regular expression: until when it lives, and what proves that it was made here for this node.
SEAL = "[0-9]+/[A-Za-z0-9_-]{22}/"

_LINKS = """\
map $uri $bootyard_{part}_link {{
    default "";
    "~^/{part}/(?<life>[0-9]+)/(?<proof>[A-Za-z0-9_-]{{22}})/" "$proof,$life";
}}
"""

_SEALED = """\
    secure_link $bootyard_{part}_link;
    secure_link_md5 "$secure_link_expires $bootyard_{part}_node {secret}";
    if ($secure_link != "1") {{
        return 403 "# This is no link of this node, or it has expired. Its boot script has a new one.\\n";
    }}
"""


def zone(name: str) -> str:
    """What L(guarded) counts in: the connections of each address."""
    return f"limit_conn_zone $binary_remote_addr zone={name}:10m;\n"


def guarded(name: str) -> str:
    """Lines of a server that no single machine keeps busy: 64 requests at a time are of one address, and who says too little too slowly is let go.

    A connection counts from the end of its request's head on. What comes before is short-lived, and its rate is limited by L(_pairs).
    """
    return _GUARDED.format(zone=name)


def main(fleet: Fleet, text: str) -> str:
    """nginx's main file C(text) with room for the fleet: more connections and open files for each worker, where it has fewer.

    Raises C(ValueError) where it has no place for that.
    """
    wanted = connections(fleet)
    text = _at_least(text, "worker_connections", wanted, r"^[^#\n]*?\bevents\s*\{", "    ")
    # Each connection may have a file beside its socket.
    return _at_least(text, "worker_rlimit_nofile", 2 * wanted, r"\A", "")


def connections(fleet: Fleet) -> int:
    """How many connections each worker is to have, as most may come to one of them."""
    return max(_LEAST, _PER_NODE * len(fleet.present))


def links(part: str) -> str:
    """A map for links below C(/PART/), whose proof is in L(sealed)'s terms."""
    return _LINKS.format(part=part)


def sealed(part: str, secret: str) -> str:
    """Lines of a location that let only links through that were made with C(secret) for C($bootyard_PART_node)."""
    return _SEALED.format(part=part, secret=secret)


def files(fleet: Fleet, text: str, directory: str) -> dict[str, str]:
    """L(config), and L(main) where the main file's C(text) is known."""
    return {CONFIG: config(fleet, directory)} | ({MAIN: main(fleet, text)} if text else {})


def config(fleet: Fleet, directory: str) -> str:
    """A file of C(conf.d) that serves C(directory) to the fleet's networks, and writes a line of JSON for each request.

    The log names the node by its address. Links are not followed, so nothing outside of the directory can be had.
    """
    text = _body(fleet, directory)
    return f"{text}    location = {WITNESS} {{\n        return 200 {_digest(text)};\n    }}\n}}\n"


def probe(fleet: Fleet, directory: str) -> dict[str, dict[str, str]]:
    """The question that only a server with this configuration answers rightly."""
    first = next(iter(fleet.networks.values()))
    return {"http": {"url": f"http://{first.address}{WITNESS}", "body": _digest(_body(fleet, directory))}}


def _body(fleet: Fleet, directory: str) -> str:
    addresses = [network.address for network in fleet.networks.values()]
    return _CONFIG.format(
        nodes="".join(f"    {node.ip} {node.name};\n" for node in fleet.present),
        listen="".join(f"    listen {address}:80;\n" for address in addresses),
        names=" ".join(addresses),
        directory=directory,
        connections=connections(fleet),
        zone=zone("bootyard_address"),
        guarded=guarded("bootyard_address"),
    )


def _at_least(text: str, directive: str, number: int, place: str, indent: str) -> str:
    """The configuration with a directive of at least that number, which is put behind C(place) where it has none."""
    found = re.search(rf"^([^#\n]*?\b{directive}\s+)(\d+)\s*;", text, re.MULTILINE)
    if found:
        return text if int(found[2]) >= number else f"{text[: found.start()]}{found[1]}{number};{text[found.end() :]}"
    spot = re.search(place, text, re.MULTILINE)
    if not spot:
        raise ValueError(f"{MAIN}: has no block events, where {directive} {number} belongs; expected the file of nginx's package")
    before, after = text[: spot.end()], text[spot.end() :]
    return f"{before}\n{indent}{directive} {number};{after}" if before else f"{directive} {number};\n{after}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
