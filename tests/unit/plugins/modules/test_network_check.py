"""What the module says of a network that cannot be served. Other servers are in tests/conformance."""

from __future__ import annotations


def test_an_interface_without_a_link_fails_and_names_what_would_be_right(module, fleet):
    told = module("network_check", networks=fleet.to_dict()["networks"], patience=0.1)
    assert told["failed"]
    [complaint] = told["complaints"]
    assert complaint == "netboot_networks.lab.interface = 'eth1': has no link; plug the cable in, or name another interface"
    assert told["msg"].endswith(complaint)


def test_no_network_is_no_fault(module):
    assert module("network_check", networks={}) == {"complaints": []}
