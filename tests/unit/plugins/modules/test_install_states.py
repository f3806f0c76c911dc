"""States of installations are kept by one call for all nodes, and a reinstall is predicted before it is made."""

from __future__ import annotations

import os

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils._installs import Report

SAID = Report("serial-S3Z9 4096", 1, "is not blank (ext4)").text()


@pytest.fixture
def states(module, inventory, tmp_path):
    """Runs the module for nodes of those names: states(names, dry, **options)."""

    def run(names, dry=False, **options):
        cluster = inventory()
        for name in names:
            cluster.node(name, netboot_profile="debian-disk", netboot_install_disk="/dev/vda")
        fleet = cluster.node("other").parse().to_dict()
        return module(
            "install_states",
            dry,
            fleet=fleet,
            directory=str(tmp_path / "installs"),
            memory=str(tmp_path / "memory"),
            group="root",
            **options,
        )

    return run


@pytest.fixture
def home(tmp_path):
    return tmp_path / "installs"


def test_a_second_call_finds_nothing_to_do(states, home):
    assert states(["n1", "n2"], dry=True)["changed"]
    assert not home.exists()
    first = states(["n1", "n2"])
    assert (first["changed"], first["states"], first["told"]) == (True, {"n1": "unknown", "n2": "unknown"}, [])
    assert states(["n1", "n2"])["changed"] is False
    (home / "n1/installed").write_text("")
    assert states(["n1", "n2"])["states"] == {"n1": "installed", "n2": "unknown"}
    left = states(["n1"])
    assert (left["changed"], left["states"], os.listdir(home)) == (True, {"n1": "installed"}, ["n1"])


def test_nginx_comes_through_whatever_the_umask(states, home):
    states(["n1"], umask=0o077)
    places = (home, home.parent / "memory", home / "n1", home.parent / "memory/n1")
    assert [place.stat().st_mode & 0o777 for place in places] == [0o755, 0o755, 0o770, 0o770]


def test_who_was_refused_is_told_in_every_run(states, home):
    states(["n1"])
    (home / "n1/refused").write_text(SAID)
    assert states(["n1"])["told"] == ["n1 installs itself only if /dev/vda is blank, which it was not; it said: is not blank (ext4)"]


def test_a_reinstall_is_predicted_and_made_once(states, home):
    states(["n1", "n2"])
    (home / "n1/installed").write_text(SAID)
    told = ["n1 installs itself, and overwrites /dev/vda (serial-S3Z9 4096)"]
    predicted = states(["n1", "n2"], dry=True, reinstall=["n1"])
    assert (predicted["changed"], predicted["told"]) == (True, told)
    assert not (home.parent / "memory/n1/wipe").exists()
    made = states(["n1", "n2"], reinstall=["n1"])
    assert (made["changed"], made["told"], made["states"]) == (True, told, {"n1": "wipe", "n2": "unknown"})
    assert made["diff"] == {"before": "n1: installed\nn2: unknown\n", "after": "n1: wipe\nn2: unknown\n"}
    assert Report.parse((home.parent / "memory/n1/wipe").read_text()).disk == "serial-S3Z9 4096"
    assert (home / "n1/installed").exists(), "it boots its disk again if the master restarts first"
    again = states(["n1", "n2"], reinstall=["n1"])
    assert (again["changed"], again["told"]) == (False, told)


def test_whose_disk_is_not_known_is_not_reinstalled(states, home):
    states(["n1", "n2", "n3"])
    (home / "n1/installed").write_text(SAID)
    failed = states(["n1", "n2", "n3"], reinstall=["n1", "n2", "n3"])
    assert failed["failed"]
    assert "Nothing is reinstalled: n2, n3 never told the master which disk there is" in failed["msg"]
    assert os.listdir(home.parent / "memory/n1") == []


def test_what_cannot_be_reinstalled_changes_nothing(states, home):
    states(["n1"])
    (home / "n1/installed").write_text("")
    failed = states(["n1"], reinstall=["n1", "other", "nobody"])
    assert failed["failed"]
    assert "other has the profile debian-nfs, which installs nothing; nobody is no node that is served" in failed["msg"]
    assert sorted(os.listdir(home / "n1")) == [".bootyard", "installed"]


def test_a_node_with_a_new_name_is_installed_as_before(module, inventory, home):
    def run(name, dry=False, **variables):
        cluster = inventory().node(
            name, netboot_profile="debian-disk", netboot_install_disk="/dev/vda", netboot_mac="52:54:00:00:00:0a", **variables
        )
        fleet = cluster.node("other").parse().to_dict()
        return module("install_states", dry, fleet=fleet, directory=str(home), group="root")

    run("n1")
    (home / "n1/installed").write_text("")
    for dry in (True, False):
        result = run("n7", dry, netboot_renamed_from="n1")
        assert (result["changed"], result["states"]) == (True, {"n7": "installed"})
    assert os.listdir(home) == ["n7"]
    again = run("n7", netboot_renamed_from="n1")
    assert (again["changed"], again["states"]) == (False, {"n7": "installed"})
