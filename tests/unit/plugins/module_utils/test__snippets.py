"""Snippets for servers that cannot be asked here. Those that can are asked in tests/conformance."""

from __future__ import annotations

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _snippets


@pytest.mark.parametrize("server", _snippets.SERVERS)
def test_a_snippet_has_every_node_and_every_loader(fleet, server):
    text = _snippets.snippet(fleet, server)
    for part in ("52:54:00:00:00:01", "52:54:00:00:00:02", "10.0.33.11", "10.0.33.12"):
        assert part in text.lower()
    assert "snponly.efi" in text or b"snponly.efi".hex() in text


def test_routeros_gets_one_option_set_for_each_kind_of_machine(fleet):
    lines = _snippets.snippet(fleet, "mikrotik").splitlines()
    sets = {line.split("name=")[1].split()[0] for line in lines if line.startswith("/ip dhcp-server option sets")}
    matchers = [line for line in lines if line.startswith("/ip dhcp-server matcher")]
    assert {line.rpartition("option-set=")[2] for line in matchers} <= sets
    assert any('code=60 value="PXEClient:Arch:00007"' in line for line in matchers)
    # The first that matches counts, and a running iPXE says the architecture as well.
    assert 'code=77 value="iPXE"' in matchers[0]


def test_opnsense_s_forms_get_their_files(fleet):
    lines = _snippets.snippet(fleet, "opnsense").splitlines()
    assert "x64 UEFI/EBC (64-bit) file name: /snponly.efi" in lines
    assert "iPXE boot file name: http://10.0.33.1/boot.ipxe" in lines
