# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""nginx's configuration for installations: nodes report, and who is installed is told to boot its disk (nginx.org/en/docs/http/ngx_http_dav_module.html). Pure.

A report counts from the very next boot on, without any run of a playbook. Paths come out of tables alone, never out of a request. Who runs as somebody
else than root on a node cannot report, and who is installed has nothing to report.
"""

from __future__ import annotations

from . import _nginx
from ._fleet import Fleet
from ._installs import ALLOWING, MARKERS, MEMORY, REPORTED
from ._ipxe import DISK, names

MAPS = "/etc/nginx/conf.d/bootyard-install.conf"
LOCATION = "/etc/nginx/snippets/bootyard-install.conf"

_MAPS = """\
# Written by bootyard.netboot, changes are lost.

# The node that the connection comes from.
geo $realip_remote_addr $bootyard_install_node {{
    default "";
{nodes}}}
# What may be asked, what may be written, and what may be taken back.
map "$request_method $uri" $bootyard_install_marker {{
    default "";
    "~^(?:GET|HEAD) /install/{seal}(?<asked>{markers})$" $asked;
    "~^PUT /install/{seal}(?<told>{reported})$" $told;
    "~^DELETE /install/{seal}(?<dropped>{allowing})$" $dropped;
}}
map $bootyard_install_marker $bootyard_install_root {{
    default {directory};
    "~^(?:{allowing})$" {memory};
}}
# Who is not root on a node has other ports.
map "$request_method $realip_remote_port" $bootyard_install_user {{
    default yes;
    "~^(?:GET|HEAD) " "";
    "~ [0-9]{{1,3}}$" "";
    "~ 10(?:[01][0-9]|2[0-3])$" "";
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
    root $bootyard_install_root;
    default_type text/plain;
    types {{ }}
    dav_methods PUT DELETE;
    dav_access user:rw;
    create_full_put_path off;
    client_max_body_size 4k;
    if ($bootyard_install_node = "") {{
        return 404 "$realip_remote_addr is no node that installs itself.\\n";
    }}
{sealed}    if ($bootyard_install_marker = "") {{
        return 403 "A node asks for {markers}, writes {reported}, and takes {allowing} back.\\n";
    }}
    if ($bootyard_install_user) {{
        return 403 "A report comes from root, whose port is below 1024.\\n";
    }}
    # Who is installed has no more to say, until a word is there that allows something.
    set $bootyard_install_closed $request_method;
{open}    if (!-f {directory}/$bootyard_install_node/installed) {{
        set $bootyard_install_closed "";
    }}
    if ($bootyard_install_closed = PUT) {{
        return 403 "$bootyard_install_node is installed.\\n";
    }}
    rewrite ^ /$bootyard_install_node/$bootyard_install_marker break;
}}
# Who is installed boots its disk; the script is asked for by the card's or the machine's own name, whatever address it has.
location ~ ^/by-(?:mac|uuid)/[^/]+$ {{
    disable_symlinks if_not_owner;
    limit_except GET {{
        deny all;
    }}
    set $bootyard_install_done "";
    if (-f {directory}/$bootyard_install_of/installed) {{
        set $bootyard_install_done yes;
    }}
{undone}    if ($bootyard_install_done) {{
        rewrite ^ /{disk} break;
    }}
}}
"""


#: A word that allows something counts for more than that a node is installed.
_UNLESS = """\
    if (-f {memory}/${node}/{marker}) {{
        set ${variable} "";
    }}
"""

#: What the directories in memory are made from when the master starts (tmpfiles.d(5)).
TMPFILES = "/etc/tmpfiles.d/bootyard-install.conf"


def files(fleet: Fleet, directory: str, secret: str = "", memory: str = MEMORY) -> dict[str, str]:
    """The files by path; none where no node installs itself. C(directory) and C(memory) have a directory for each that does."""
    if not fleet.installs:
        return {}
    words = {"markers": "|".join(MARKERS), "reported": "|".join(REPORTED), "allowing": "|".join(ALLOWING)}
    maps = _MAPS.format(
        nodes="".join(f"    {node.ip} {node.name};\n" for node in fleet.installs),
        # A UUID and no more fits into what nginx's tables have room for by themselves.
        scripts="".join(
            f"    {name.partition('/')[2].removesuffix('.ipxe')} {node.name};\n" for node in fleet.installs for name in names(node)
        ),
        seal=_nginx.SEAL if secret else "",
        links=_nginx.links("install") if secret else "",
        directory=directory,
        memory=memory,
        **words,
    )
    location = _LOCATION.format(
        directory=directory,
        sealed=_nginx.sealed("install", secret) if secret else "",
        disk=DISK,
        open=_unless("bootyard_install_closed", "bootyard_install_node", memory),
        undone=_unless("bootyard_install_done", "bootyard_install_of", memory),
        **{key: ", ".join(text.split("|")) for key, text in words.items()},
    )
    homes = "".join(f"d {memory}/{node.name} 0770 root www-data -\n" for node in fleet.installs)
    return {
        MAPS: maps,
        LOCATION: location,
        TMPFILES: f"# Written by bootyard.netboot, changes are lost.\nd {memory} 0755 root root -\n{homes}",
    }


def _unless(variable: str, node: str, memory: str) -> str:
    return "".join(_UNLESS.format(variable=variable, node=node, memory=memory, marker=marker) for marker in ALLOWING)
