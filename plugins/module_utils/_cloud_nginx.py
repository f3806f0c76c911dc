# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""nginx's configuration for what each node fetches of its own (nginx.org/en/docs/http/ngx_http_geo_module.html and its neighbours). Pure.

Who asks is its address, so no part of a request becomes a part of a path: the node comes out of one table and the file out of another.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import textwrap
from collections.abc import Iterable, Mapping

from . import _install_nginx, _nginx
from ._fleet import LINK, Fleet

MAPS = "/etc/nginx/conf.d/bootyard-cloud.conf"
LOCATION = "/etc/nginx/snippets/bootyard-cloud.conf"
#: What makes links, with the secret: nginx's master reads it, and nobody else can.
MAKER = "/etc/nginx/bootyard-link.js"
#: Asked for this, the server says which configuration it runs.
WITNESS = "/cloud/.bootyard"
_ZONE = "bootyard_cloud_address"

_LISTEN = re.compile(r"(?:[0-9.]+:)?[0-9]{1,5}")

_MAPS = """\
# Written by bootyard.netboot, changes are lost.

# The address that the connection comes from, whatever another configuration makes of X-Forwarded-For.
geo $realip_remote_addr $bootyard_cloud_admin {{
    default "";
{admins}}}
map $bootyard_cloud_admin:$arg_override_ipv4 $bootyard_cloud_refused {{
    default "";
    "~^:." yes;
}}
map $bootyard_cloud_admin:$arg_override_ipv4 $bootyard_cloud_asked {{
    default nobody;
    "~:$" $realip_remote_addr;
    "~^admin:(?<quad>(?:(?:0|[1-9][0-9]{{0,2}})\\.){{3}}(?:0|[1-9][0-9]{{0,2}}))$" $quad;
}}
geo $bootyard_cloud_asked $bootyard_cloud_node {{
    default "";
{nodes}}}
# The node that asks for itself.
map $arg_override_ipv4 $bootyard_cloud_self {{
    default "";
    "" $bootyard_cloud_node;
}}
map $uri $bootyard_cloud_file {{
    default "";
    "~^/cloud/{seal}(?<part>(?:install/)?)(?:config|user-data)$" "${{part}}config";
    "~^/cloud/{seal}(?<named>(?:install/)?(?:meta-data|vendor-data|network-config))$" $named;
}}
map $uri $bootyard_cloud_any_file {{
    default config;
    "~/(?<other>meta-data|vendor-data|network-config)$" $other;
}}
{links}{zone}
log_format bootyard_cloud escape=json
    '{{"time": "$time_iso8601", "address": "$realip_remote_addr", "node": "$bootyard_cloud_node", "override": "$arg_override_ipv4", '
    '"method": "$request_method", "uri": "$request_uri", "status": $status, "bytes": $body_bytes_sent, "agent": "$http_user_agent"}}';
"""

#: Of the address that asks, whichever script it asks for; an override gets none.
_MAKER = """\
// Written by bootyard.netboot, changes are lost.
import crypto from 'crypto';

function make(request) {{
    const node = request.variables.bootyard_cloud_self;
    if (!node) {{
        return '{link}';
    }}
    const expires = Math.floor(Date.now() / 1000) + {seconds};
    return `${{expires}}/${{crypto.createHash('md5').update(`${{expires}} ${{node}} {secret}`).digest('base64url')}}`;
}}

export default {{make}};
"""

_MADE = """\
js_import bootyard_link from {maker};
js_set $bootyard_link bootyard_link.make;
"""

#: Whatever text has the link's place, a boot script or a configuration.
_PUT = """\
sub_filter_types text/plain;
sub_filter_once off;
sub_filter "{link}" $bootyard_link;
"""

_NAMED = """\
    if ($bootyard_cloud_file = "") {
        return 404 "# There are config, user-data, meta-data, vendor-data and network-config.\\n";
    }
"""

_LOCATION = """\
location {path} {{
    root {directory};
    sendfile off;  # such small files are faster read
    default_type text/plain;
    types {{ }}
    charset utf-8;
    access_log /var/log/nginx/bootyard-cloud.log bootyard_cloud buffer=32k flush=1s;
    limit_except GET {{
        deny all;
    }}
    if ($bootyard_cloud_refused) {{
        return 403 "# override_ipv4 is not for $realip_remote_addr; cloud_config_override_from says for whom it is.\\n";
    }}
    if ($bootyard_cloud_node = "") {{
        return 404 "#cloud-config\\n# There is no configuration for $bootyard_cloud_asked. Give this address to a node as its netboot_ip,\\n\
# and its profile a config; then run the playbook again.\\n";
    }}
{checks}    try_files /$bootyard_cloud_node/${file} @bootyard_cloud_missing;
}}
# Ignition takes 404 for an answer, and asks again after this.
location @bootyard_cloud_missing {{
    default_type text/plain;
    access_log /var/log/nginx/bootyard-cloud.log bootyard_cloud buffer=32k flush=1s;
    add_header Retry-After 10 always;
    return 503 "# The configuration of $bootyard_cloud_node is not ready.\\n";
}}
"""

_WITNESS = """\
location = {witness} {{
    default_type text/plain;
    return 200 {digest};
}}
"""

_SERVER = """
server {{
{listen}    server_name _;
    server_tokens off;
{guarded}    gzip off;

{locations}}}
"""


def files(
    fleet: Fleet,
    directory: str,
    listen: Iterable[str],
    override_from: Iterable[str] = (),
    secret: str = "",
    installs: str = "/srv/installs",
    life: int = 2,
) -> dict[str, str]:
    """The configuration's files by path.

    None where no node has a configuration.

    C(directory) has a directory for each node. Any path of the servers on C(listen), such as C(10.0.33.1:8080), is the node's
    configuration. C(override_from) are networks that may ask for other nodes; the master always may. With C(secret) only
    links are answered. They are made for the node that asks, in the place of C(LINK) in any text, and live C(life) hours.
    C(installs) has a directory for each node that installs itself.
    """
    if not fleet.configured:
        return {}
    for address in listen:
        if not _LISTEN.fullmatch(str(address)):
            raise ValueError(f"cloud_config_listen: {address!r} is no ADDRESS:PORT; write one like 10.0.33.1:8080")
    admins = [*(network.address for network in fleet.networks.values()), "127.0.0.0/8", *override_from]
    maps = _MAPS.format(
        admins="".join(f"    {ipaddress.IPv4Network(str(admin))} admin;\n" for admin in dict.fromkeys(admins)),
        nodes="".join(f"    {node.ip} {node.name};\n" for node in fleet.configured),
        seal=_nginx.SEAL if secret else "",
        links=_nginx.links("cloud") + _MADE.format(maker=MAKER) if secret else "",
        zone=_nginx.zone(_ZONE),
    )
    sealed = _nginx.sealed("cloud", secret) if secret else ""
    maker = {MAKER: _MAKER.format(link=LINK, seconds=life * 3600, secret=secret)} if secret else {}
    put = _PUT.format(link=LINK) if secret else ""
    known = _LOCATION.format(path="/cloud/", directory=directory, file="bootyard_cloud_file", checks=sealed + _NAMED)
    anywhere = _LOCATION.format(path="/", directory=directory, file="bootyard_cloud_any_file", checks="")
    listens = "".join(f"    listen {address};\n" for address in listen)
    # It would answer whoever has the address, which is what links are there to prevent.
    locations = textwrap.indent(anywhere, "    ")
    server = _SERVER.format(listen=listens, guarded=_nginx.guarded(_ZONE), locations=locations) if listens and not secret else ""
    more = _install_nginx.files(fleet, installs, secret)
    witness = _WITNESS.format(witness=WITNESS, digest=hashlib.sha256(f"{maps}{known}{server}{more}{maker}".encode()).hexdigest())
    return {MAPS: maps + server, LOCATION: put + known + witness, **maker, **more}


def probe(fleet: Fleet, files: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The question that only a server with these files answers rightly."""
    if not files:
        return {}
    first = next(iter(fleet.networks.values()))
    digest = re.search("return 200 ([0-9a-f]{64});", files[LOCATION])
    return {"http": {"url": f"http://{first.address}{WITNESS}", "body": digest[1]}}
