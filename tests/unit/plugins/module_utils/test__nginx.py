"""The printed configuration knows the networks and the nodes; what nginx makes of it is tested in tests/conformance."""

from __future__ import annotations

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
