# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""nginx's configuration for installations: nodes report, and who is installed is told to boot its disk (nginx.org/en/docs/http/ngx_http_dav_module.html). Pure.

A report counts from the very next boot on, without any run of a playbook. Paths come out of tables alone, never out of a request.
"""

from __future__ import annotations

from . import _nginx
from ._fleet import Fleet
from ._installs import MARKERS, REPORTED
from ._ipxe import DISK, names

MAPS = "/etc/nginx/conf.d/bootyard-install.conf"
LOCATION = "/etc/nginx/snippets/bootyard-install.conf"

_MAPS = """\
# Written by bootyard.netboot, changes are lost.

# The node that the connection comes from.
geo $realip_remote_addr $bootyard_install_node {{
    default "";
{nodes}}}
# What may be asked, and what may be written.
map "$request_method $uri" $bootyard_install_marker {{
    default "";
    "~^(?:GET|HEAD) /install/{seal}(?<asked>{markers})$" $asked;
    "~^PUT /install/{seal}(?<told>{reported})$" $told;
}}
# The node that a script is for.
map $uri $bootyard_install_script {{
    default "";
    "~^/by-(?:mac|uuid)/(?<named>[0-9a-f-]+)\\.ipxe$" $named;
}}
map $bootyard_install_script $bootyard_install_of {{
    default -;
{scripts}}}
{links}"""

_LOCATION = """\
location ^~ /install/ {{
    root {directory};
    default_type text/plain;
    types {{ }}
    dav_methods PUT;
    dav_access user:rw;
    create_full_put_path off;
    client_max_body_size 4k;
    if ($bootyard_install_node = "") {{
        return 404 "$realip_remote_addr is no node that installs itself.\\n";
    }}
{sealed}    if ($bootyard_install_marker = "") {{
        return 403 "A node asks for {markers}, and writes {reported}.\\n";
    }}
    rewrite ^ /$bootyard_install_node/$bootyard_install_marker break;
}}
# Who is installed boots its disk; the script is asked for by the card's or the machine's own name, whatever address it has.
location ~ ^/by-(?:mac|uuid)/[^/]+$ {{
    disable_symlinks if_not_owner;
    limit_except GET {{
        deny all;
    }}
    if (-f {directory}/$bootyard_install_of/installed) {{
        rewrite ^ /{disk} break;
    }}
}}
"""


def files(fleet: Fleet, directory: str, secret: str = "") -> dict[str, str]:
    """The configuration's files by path; none where no node installs itself. C(directory) has a directory for each that does."""
    if not fleet.installs:
        return {}
    words = {"markers": "|".join(MARKERS), "reported": "|".join(REPORTED)}
    maps = _MAPS.format(
        nodes="".join(f"    {node.ip} {node.name};\n" for node in fleet.installs),
        # A UUID and no more fits into what nginx's tables have room for by themselves.
        scripts="".join(
            f"    {name.partition('/')[2].removesuffix('.ipxe')} {node.name};\n" for node in fleet.installs for name in names(node)
        ),
        seal=_nginx.SEAL if secret else "",
        links=_nginx.links("install") if secret else "",
        **words,
    )
    said = {key: ", ".join(text.split("|")) for key, text in words.items()}
    location = _LOCATION.format(directory=directory, sealed=_nginx.sealed("install", secret) if secret else "", disk=DISK, **said)
    return {MAPS: maps, LOCATION: location}
