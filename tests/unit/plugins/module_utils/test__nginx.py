"""The printed configuration knows the networks and the nodes; what nginx makes of it is tested in tests/conformance."""

from __future__ import annotations

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _nginx


def test_it_listens_on_the_networks_alone_and_knows_who_asks(inventory):
    networks = {
        "lab": {"cidr": "10.0.33.0/24", "address": "10.0.33.1", "interface": "eth1"},
        "other": {"cidr": "10.0.34.0/24", "address": "10.0.34.7", "interface": "eth1"},
    }
    cluster = inventory(netboot_networks=networks)
    cluster.hosts["head"]["netboot_networks"] = networks
    text = _nginx.config(cluster.node("node1").node("node2", netboot_ip="10.0.34.12").parse(), "/srv/www")
    lines = [line.strip() for line in text.splitlines()]
    assert [line for line in lines if line.startswith("listen")] == ["listen 10.0.33.1:80;", "listen 10.0.34.7:80;"]
    assert "server_name 10.0.33.1 10.0.34.7;" in lines
    assert "root /srv/www;" in lines
    assert {"10.0.33.11 node1;", "10.0.34.12 node2;"} < set(lines)


def test_an_absent_node_has_no_name(inventory):
    assert "node1" not in _nginx.config(inventory().node("node1", netboot_state="absent").parse(), "/srv/http")


def test_every_change_changes_what_the_probe_wants(inventory, fleet):
    def wants(fleet, directory="/srv/http"):
        [question] = _nginx.probe(fleet, directory).values()
        assert question["url"] == "http://10.0.33.1/.bootyard"
        assert f"return 200 {question['body']};" in _nginx.config(fleet, directory)
        return question["body"]

    assert wants(fleet) == wants(fleet)
    assert len({wants(fleet), wants(fleet, "/srv/www"), wants(inventory().node("node1").parse())}) == 3


DEBIAN = """\
user www-data;
worker_processes auto;
include /etc/nginx/modules-enabled/*.conf;

events {
\tworker_connections 768;
\t# multi_accept on;
}

http {
\tinclude /etc/nginx/conf.d/*.conf;
}
"""


def large(inventory, nodes):
    cluster = inventory({"cidr": "10.0.32.0/20"})
    for number in range(nodes):
        cluster.node(
            f"n{number}",
            netboot_mac=f"52:54:01:00:{number >> 8:02x}:{number & 255:02x}",
            netboot_ip=f"10.0.{34 + (number >> 8)}.{number & 255}",
        )
    return cluster.parse(interfaces=None)


def test_the_main_file_gets_room_and_keeps_the_rest(inventory, fleet):
    text = _nginx.main(fleet, DEBIAN)
    assert text == "worker_rlimit_nofile 16384;\n" + DEBIAN.replace("connections 768", "connections 8192")
    assert _nginx.main(fleet, text) == text, "once"
    assert "\tworker_connections 16000;" in _nginx.main(large(inventory, 2000), text)
    assert _nginx.main(fleet, _nginx.main(large(inventory, 2000), text)).startswith("worker_rlimit_nofile 32000;\n"), "it never shrinks"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("events { worker_connections 768; }", "events { worker_connections 8192; }"),
        ("events{worker_connections 768;}", "events{worker_connections 8192;}"),
        ("events {}", "events {\n    worker_connections 8192;}"),
        ("# worker_connections 1;\nevents\n{\n}\n", "# worker_connections 1;\nevents\n{\n    worker_connections 8192;\n}\n"),
        ("worker_rlimit_nofile 99999;\nevents { worker_connections 99999; }", "events { worker_connections 99999; }"),
    ],
)
def test_other_main_files(fleet, text, wanted):
    limit = 99999 if "99999" in text else 16384
    assert _nginx.main(fleet, text) == f"worker_rlimit_nofile {limit};\n{wanted}"


def test_a_main_file_without_a_place_is_refused(fleet):
    with pytest.raises(ValueError, match=r"/etc/nginx/nginx\.conf: has no block events, where worker_connections 8192 belongs"):
        _nginx.main(fleet, "# events {\n")


def test_without_a_main_file_there_is_none(fleet):
    assert _nginx.files(fleet, "", "/srv/http") == {_nginx.CONFIG: _nginx.config(fleet, "/srv/http")}
    assert sorted(_nginx.files(fleet, DEBIAN, "/srv/http")) == [_nginx.CONFIG, _nginx.MAIN]
