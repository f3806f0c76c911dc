"""The module says which images it would build, and why it could not."""

from __future__ import annotations

import pytest

DEFAULTS = {
    "arch": "amd64",
    "mirror": "http://127.0.0.1:9/",
    "components": ["main"],
    "packages": ["nfs-common"],
    "kernel_package": "linux-image-amd64",
}


@pytest.fixture
def images(module, tmp_path):
    def run(**options):
        return module(
            "root_image",
            images={"debian-12": {"suite": "bookworm"}},
            defaults=DEFAULTS,
            directory=f"{tmp_path}/i",
            publish=[f"{tmp_path}/t", f"{tmp_path}/h"],
            **options,
        )

    return run


def test_check_mode_names_what_would_be_built(images, tmp_path):
    result = images(dry=True)
    generation = result["generations"]["debian-12"]
    assert (result["changed"], result["built"]) == (True, ["debian-12"])
    assert generation.startswith("0001-")
    assert result["diff"] == {"before": "debian-12: none\n", "after": f"debian-12: {generation}\n"}
    assert list(tmp_path.iterdir()) == []


def test_a_build_that_fails_says_why(images):
    result = images()
    assert result["failed"]
    assert result["msg"].startswith("mmdebstrap could not build debian-12")
