"""Boot loaders come out of real packages that are not installed, and own ones only as they were meant."""

from __future__ import annotations

import hashlib
import os
import subprocess

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _binaries
from ansible_collections.bootyard.netboot.plugins.module_utils._loaders import BINARIES


def installed() -> str:
    return subprocess.run(["dpkg-query", "--show"], capture_output=True, text=True, check=True).stdout


def test_a_package_that_there_is_not():
    with pytest.raises(_binaries.BinaryError, match=r"apt-get download --print-uris bootyard-none: E: .*bootyard-none"):
        _binaries.candidates(["bootyard-none"])


def test_no_package_is_asked_for_where_none_is_needed():
    assert _binaries.candidates([]) == {}


def test_a_loader_comes_out_of_its_package_which_is_not_installed(tmp_path):
    before, store, path = installed(), _binaries.Store(str(tmp_path / "store")), BINARIES["undionly.kpxe"].path
    debs = _binaries.candidates(["ipxe", "ipxe"])
    assert list(debs) == ["ipxe"]
    store.fetch("ipxe", debs["ipxe"], {"undionly.kpxe": path})
    [source] = store.sources({"undionly.kpxe": {"package": "ipxe", "path": path}}, debs).values()
    assert os.path.getsize(source) > 50_000
    assert installed() == before
    assert os.listdir(tmp_path / "store") == list(debs.values())
    with pytest.raises(_binaries.BinaryError, match=r"is no package with /usr/lib/none: .*none"):
        store.fetch("ipxe", debs["ipxe"], {"none": "/usr/lib/none"})
    assert os.listdir(tmp_path / "store") == list(debs.values())


def test_other_versions_are_forgotten_and_own_loaders_are_not(tmp_path):
    for name in ("ipxe_1_all.deb", "ipxe_2_all.deb", "own"):
        (tmp_path / name).mkdir()
    _binaries.Store(str(tmp_path)).forget_all_but(["ipxe_2_all.deb"])
    assert sorted(os.listdir(tmp_path)) == ["ipxe_2_all.deb", "own"]


def test_another_file_than_was_meant(tmp_path):
    (tmp_path / "snponly.efi").write_bytes(b"MZ")
    found = hashlib.sha256(b"MZ").hexdigest()
    _binaries.verify(str(tmp_path / "snponly.efi"), found)
    with pytest.raises(_binaries.BinaryError, match=f"^snponly.efi has the SHA-256 {found} instead of {'0' * 64}$"):
        _binaries.verify(str(tmp_path / "snponly.efi"), "0" * 64)


def test_a_loader_is_published_for_everybody_to_read(tmp_path):
    source, target = str(tmp_path / "source"), str(tmp_path / "tftp/undionly.kpxe")
    assert not _binaries.is_published(source, target)
    for content in (b"one", b"two"):
        (tmp_path / "source").write_bytes(content)
        os.chmod(source, 0o600)
        assert not _binaries.is_published(source, target)
        _binaries.publish(source, target)
        assert _binaries.is_published(source, target)
        assert (tmp_path / "tftp/undionly.kpxe").read_bytes() == content
    os.chmod(target, 0o600)
    assert not _binaries.is_published(source, target)
    assert os.listdir(tmp_path / "tftp") == ["undionly.kpxe"]
