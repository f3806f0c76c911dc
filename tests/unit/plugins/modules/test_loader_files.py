"""The module publishes what differs, says so before it does, and touches nothing when a loader is not the one that was meant."""

from __future__ import annotations

import hashlib
import os

import pytest

META = {"package": "ipxe", "path": "/usr/lib/ipxe/undionly.kpxe"}
OWN = {"sha256": hashlib.sha256(b"own").hexdigest()}


@pytest.fixture
def loaders(module, tmp_path):
    """Runs the module; its own store has one loader that the operator brought."""
    (tmp_path / "store/own").mkdir(parents=True)
    (tmp_path / "store/own/snponly.efi").write_bytes(b"own")

    def run(binaries, **options):
        return module(
            "loader_files", binaries=binaries, directory=f"{tmp_path}/www", store=f"{tmp_path}/store", host_network=True, **options
        )

    return run


def test_what_differs_is_published_once(loaders, tmp_path):
    binaries = {"undionly.kpxe": META, "snponly.efi": OWN}
    for expected in (sorted(binaries), []):
        predicted, done = loaders(binaries, dry=True), loaders(binaries)
        assert predicted == done == {"changed": bool(expected), "published": expected}
    assert (tmp_path / "www/snponly.efi").read_bytes() == b"own"
    (tmp_path / "www/undionly.kpxe").write_bytes(b"")
    assert loaders(binaries)["published"] == ["undionly.kpxe"]
    assert os.path.getsize(tmp_path / "www/undionly.kpxe") > 50_000


@pytest.mark.parametrize(
    ("binaries", "said"),
    [
        ({"undionly.kpxe": META, "snponly.efi": {"sha256": "0" * 64}}, f"snponly.efi has the SHA-256 {OWN['sha256']} instead of 0000"),
        ({"snponly.efi": OWN, "undionly.kpxe": {"package": "bootyard-none", "path": "/x"}}, "bootyard-none"),
        ({"snponly.efi": OWN, "ipxe-arm64.efi": OWN}, "ipxe-arm64.efi"),
    ],
    ids=["another file", "no package", "no file"],
)
def test_a_loader_that_is_not_to_be_had_stops_all(loaders, tmp_path, binaries, said):
    result = loaders(binaries)
    assert result["failed"]
    assert said in result["msg"]
    assert not (tmp_path / "www").exists()
