"""What nginx is told of installations: by address who reports, by name whose script is asked for."""

from __future__ import annotations

import re

from ansible_collections.bootyard.netboot.plugins.module_utils import _install_nginx, _ipxe
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import LINK
from hypothesis import given
from hypothesis import strategies as st

INSTALL = {"netboot_profile": "debian-disk", "netboot_install_disk": "/dev/vda"}
UUID = "4c4c4544-0042-4a10-8056-b4c04f395931"
SECRET = "unguessable-unguessable"


def table(text, variable):
    body = re.search(rf"^(?:geo|map) .*\${variable} {{\n((?: .*\n)*)}}", text, re.MULTILINE)[1]
    return dict(line.strip().rstrip(";").rsplit(" ", 1) for line in body.splitlines())


def test_nothing_where_nobody_installs(inventory):
    assert _install_nginx.files(inventory().node("node1").parse(), "/srv/installs") == {}


def test_who_reports_and_whose_scripts_there_are(inventory):
    cluster = inventory().node("node1", **INSTALL, netboot_uuid=UUID).node("node2", **INSTALL, netboot_state="absent").node("node3")
    fleet = cluster.node("node4", **INSTALL, netboot_mac=["52:54:00:00:00:04", "52:54:00:00:0a:04"]).parse()
    made = _install_nginx.files(fleet, "/data/installs")
    maps, location = made[_install_nginx.MAPS], made[_install_nginx.LOCATION]
    assert table(maps, "bootyard_install_node") == {"default": '""', "10.0.33.11": "node1", "10.0.33.14": "node4"}
    cards = {"52-54-00-00-00-01": "node1", UUID: "node1", "52-54-00-00-00-04": "node4", "52-54-00-00-0a-04": "node4"}
    assert table(maps, "bootyard_install_of") == {"default": "-", **cards}
    scripts = {f"by-{'uuid' if name == UUID else 'mac'}/{name}.ipxe" for name in cards}
    assert scripts == {name for node in fleet.installs for name in _ipxe.names(node)}
    assert 'default /data/installs;\n    "~^(?:wipe|installing)$" /run/bootyard-install;' in maps
    assert made[_install_nginx.TMPFILES].splitlines()[1:] == [
        "d /run/bootyard-install 0755 root root -",
        "d /run/bootyard-install/node1 0770 root www-data -",
        "d /run/bootyard-install/node4 0770 root www-data -",
    ]
    assert "-f /data/installs/$bootyard_install_of/installed" in location
    assert "secure_link" not in maps + location


def patterns(fleet, secret=""):
    """Which marker a request is about, as nginx's table has it."""
    rows = list(table(_install_nginx.files(fleet, "/srv/installs", secret)[_install_nginx.MAPS], "bootyard_install_marker"))[1:]
    return [re.compile(row.removeprefix('"~').removesuffix('"').replace("(?<", "(?P<")) for row in rows]


@given(st.sampled_from(["GET", "HEAD", "PUT", "DELETE", "MOVE"]), st.text("/.%installedwipref", max_size=30))
def test_no_request_is_about_anything_else(method, path):
    found = [match for row in _ROWS if (match := row.search(f"{method} /install/{path}"))]
    words = {
        "GET": {"installing", "installed", "refused", "wipe"},
        "PUT": {"installing", "installed", "refused"},
        "DELETE": {"wipe", "installing"},
    }
    allowed = words["GET"] if method == "HEAD" else words.get(method, set())
    assert bool(found) == (path in allowed)


def test_links_are_asked_for_where_there_is_a_secret(inventory):
    fleet = inventory(netboot_config_secret=SECRET).node("node1", **INSTALL).parse()
    made = _install_nginx.files(fleet, "/srv/installs", SECRET)
    assert f'secure_link_md5 "$secure_link_expires $bootyard_install_node {SECRET}";' in made[_install_nginx.LOCATION]
    get, put, delete = patterns(fleet, SECRET)
    path = fleet.install_state_url(fleet.nodes[0]).removeprefix("http://10.0.33.1")
    assert not get.search(f"GET {path}wipe"), "the place of a link is none"
    path = path.replace(LINK, f"1800000000/{'x' * 22}")
    assert get.search(f"GET {path}wipe")
    assert put.search(f"PUT {path}installed")
    assert not get.search("GET /install/wipe")
    assert not put.search("PUT /install/installed")
    assert delete.search(f"DELETE {path}wipe")
    assert not delete.search("DELETE /install/wipe")


_ROWS = [
    re.compile(r"^(?:GET|HEAD) /install/(?P<asked>installing|installed|refused|wipe)$"),
    re.compile(r"^PUT /install/(?P<told>installing|installed|refused)$"),
    re.compile(r"^DELETE /install/(?P<dropped>wipe|installing)$"),
]


def test_these_are_the_rows(inventory):
    assert patterns(inventory().node("node1", **INSTALL).parse()) == _ROWS
