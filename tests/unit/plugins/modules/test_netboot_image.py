"""The module publishes what is proven, says what it did, and what a lock file is to hold."""

from __future__ import annotations

import pytest
from upstream import Mirror

BASE = "https://example.com/os/"
ARTEFACTS = {"os": {"version": "1.0", "url": BASE, "files": {"vmlinuz": "vmlinuz-{version}"}}}


@pytest.fixture
def mirror():
    mirror = Mirror()
    mirror.files["vmlinuz-1.0"] = b"a kernel"
    yield mirror
    mirror.close()


@pytest.fixture
def images(module, mirror, tmp_path):
    def run(**options):
        given = {"artefacts": ARTEFACTS, "mirrors": {BASE: mirror.url}, "roots": [str(tmp_path / "http")], **options}
        return module("netboot_image", host_network=True, **given)

    return run


def test_check_mode_predicts_the_run_and_writes_nothing(images, tmp_path):
    predicted = images(dry=True)
    assert (predicted["changed"], predicted["switched"]) == (True, ["os"])
    assert list(tmp_path.iterdir()) == []
    done = images()
    assert done["diff"] == predicted["diff"] == {"before": "os: none\n", "after": "os: 1.0\n"}
    assert (tmp_path / "http/images/os/current/vmlinuz").read_bytes() == b"a kernel"
    assert not images(lock=done["lock"])["changed"]


def test_what_is_not_as_pinned_fails_and_changes_nothing(images, mirror, tmp_path):
    lock = images()["lock"]
    lock["os"]["files"]["vmlinuz"]["sha256"] = "0" * 64
    failed = images(lock=lock)
    assert failed["failed"]
    assert failed["msg"].startswith(f"os: {BASE}vmlinuz-1.0 has the SHA-256 ")
    assert failed["msg"].endswith("What was served before is served still")
    assert (tmp_path / "http/images/os/current/vmlinuz").read_bytes() == b"a kernel"
