"""States of installations are kept by one call for all nodes, and a reinstall is predicted before it is made."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def states(module, inventory, tmp_path):
    """Runs the module for nodes of those names: states(names, dry, **options)."""

    def run(names, dry=False, **options):
        cluster = inventory()
        for name in names:
            cluster.node(name, netboot_profile="debian-disk", netboot_install_disk="/dev/vda")
        fleet = cluster.node("other").parse().to_dict()
        return module("install_states", dry, fleet=fleet, directory=str(tmp_path / "installs"), group="root", **options)

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


def test_who_was_refused_is_told_in_every_run(states, home):
    states(["n1"])
    (home / "n1/refused").write_text("")
    assert states(["n1"])["told"] == ["n1 installs itself only if /dev/vda is blank, which it was not"]


def test_a_reinstall_is_predicted_and_made_once(states, home):
    states(["n1", "n2"])
    (home / "n1/installed").write_text("")
    told = ["n1 installs itself, and overwrites /dev/vda"]
    predicted = states(["n1", "n2"], dry=True, reinstall=["n1"])
    assert (predicted["changed"], predicted["told"]) == (True, told)
    assert (home / "n1/installed").exists()
    made = states(["n1", "n2"], reinstall=["n1"])
    assert (made["changed"], made["told"], made["states"]) == (True, told, {"n1": "wipe", "n2": "unknown"})
    assert made["diff"] == {"before": "n1: installed\nn2: unknown\n", "after": "n1: wipe\nn2: unknown\n"}
    again = states(["n1", "n2"], reinstall=["n1"])
    assert (again["changed"], again["told"]) == (False, told)


def test_what_cannot_be_reinstalled_changes_nothing(states, home):
    states(["n1"])
    (home / "n1/installed").write_text("")
    failed = states(["n1"], reinstall=["n1", "other", "nobody"])
    assert failed["failed"]
    assert "other has the profile debian-nfs, which installs nothing; nobody is no node that is served" in failed["msg"]
    assert sorted(os.listdir(home / "n1")) == [".bootyard", "installed"]
