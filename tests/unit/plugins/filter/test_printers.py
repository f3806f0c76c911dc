"""The filters that print a fleet take it as plain data and do nothing but that."""

from __future__ import annotations

import importlib
import json

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import (
    _dhcp,
    _dnsmasq,
    _grub,
    _interfaces,
    _ipxe,
    _isc,
    _kea,
    _names,
    _nfs,
    _nginx,
    _pxelinux,
    _snippets,
)

SHARED = [{"path": "/srv/data"}]
PRINTERS = {
    "dhcp_probe": ([], lambda fleet, roots: _dhcp.probe(fleet)),
    "dhcp_snippet": (["mikrotik"], lambda fleet, roots: _snippets.snippet(fleet, "mikrotik")),
    "dhcpd_config": ([], lambda fleet, roots: _isc.config(fleet)),
    "dnsmasq_config": (["/srv/tftp"], lambda fleet, roots: _dnsmasq.config(fleet, "/srv/tftp")),
    "fleet_hosts": ([], lambda fleet, roots: _names.hosts(fleet)),
    "grub_files": (["roots"], lambda fleet, roots: _grub.files(fleet, roots, "/srv/tftp")),
    "interface_files": (["networkd"], lambda fleet, roots: _interfaces.networkd(fleet)),
    "ipxe_files": (["roots", "/www", True, True], lambda fleet, roots: _ipxe.files(fleet, roots, "/www", True, True)),
    "kea_config": ([], lambda fleet, roots: _kea.config(fleet)),
    "known_hosts": (["roots"], _names.known_hosts),
    "nfs_exports": (["roots", "ganesha", SHARED], lambda fleet, roots: _nfs.ganesha_files(_nfs.exports(fleet, roots, SHARED))),
    "nginx_files": (["events {}"], lambda fleet, roots: _nginx.files(fleet, "events {}", "/srv/http")),
    "nginx_probe": ([], lambda fleet, roots: _nginx.probe(fleet, "/srv/http")),
    "pxelinux_files": (["roots"], lambda fleet, roots: _pxelinux.files(fleet, roots, "/srv/tftp")),
}


@pytest.mark.parametrize("name", PRINTERS)
def test_a_filter_prints_the_fleet(fleet, roots, name):
    arguments, expected = PRINTERS[name]
    module = importlib.import_module(f"ansible_collections.bootyard.netboot.plugins.filter.{name}")
    data = json.loads(json.dumps(fleet.to_dict()))
    printed = module.FilterModule().filters()[name](data, *(roots if argument == "roots" else argument for argument in arguments))
    assert printed == expected(fleet, roots)
    assert json.loads(json.dumps(printed)) == printed
