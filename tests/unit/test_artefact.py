"""What `ansible-galaxy collection build` makes holds what users need, and works where there is nothing else of ours."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest
from documents import COLLECTION, ROOT, load, run

SHIPPED = {"CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "docs", "meta", "playbooks", "plugins", "roles"}
MODULES = {path.stem for path in (ROOT / "plugins/modules").glob("*.py")}
FILTERS = {path.stem for path in (ROOT / "plugins/filter").glob("*.py")}
INVENTORIES = {path.stem for path in (ROOT / "plugins/inventory").glob("*.py")}
ROLES = {path.name for path in (ROOT / "roles").iterdir()}
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))


@pytest.fixture(scope="module")
def artefact(tmp_path_factory) -> Path:
    built = tmp_path_factory.mktemp("built")
    run("ansible-galaxy", "collection", "build", "--output-path", built)
    return next(built.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def elsewhere(artefact, tmp_path_factory) -> Path:
    """A collections path with the artefact installed, and no checkout near it."""
    path = tmp_path_factory.mktemp("elsewhere")
    run("ansible-galaxy", "collection", "install", "--offline", "--no-deps", "-p", path, artefact, cwd=path, collections=path)
    return path


def test_it_holds_what_ships_and_nothing_else(artefact):
    with tarfile.open(artefact) as tar:
        names = tar.getnames()
    assert {name.split("/")[0] for name in names} == SHIPPED
    assert [name for name in names if re.search(r"(^|/)(\.|__pycache__)|\.(pyc|log|tar\.gz)$", name)] == []


def test_all_of_it_is_found_elsewhere(elsewhere):
    found = json.loads(run("ansible-doc", "--metadata-dump", COLLECTION, cwd=elsewhere, collections=elsewhere))["all"]
    expected = {"module": MODULES, "filter": FILTERS, "inventory": INVENTORIES, "role": ROLES}
    assert {kind: set(found[kind]) for kind in expected} == {
        kind: {f"{COLLECTION}.{name}" for name in names} for kind, names in expected.items()
    }


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_playbooks_run_by_name_elsewhere(playbook, elsewhere):
    # Which nodes a playbook is about is a part of its syntax, so there must be some.
    words = ("--syntax-check", "-i", ROOT / "inventory/lab")
    run("ansible-playbook", f"{COLLECTION}.{playbook}", *words, cwd=elsewhere, collections=elsewhere)


def test_the_action_groups_have_every_module():
    groups = load((ROOT / "meta/runtime.yml").read_text())["action_groups"]
    part_of_a_run = {path.stem for path in (ROOT / "plugins/modules").glob("*.py") if '"run": {"type": "int"' in path.read_text()}
    assert {name: set(modules) for name, modules in groups.items()} == {"all": MODULES, "run": part_of_a_run}


def test_dependencies_are_those_of_requirements():
    wanted = {entry["name"]: entry["version"] for entry in load((ROOT / "requirements.yml").read_text())["collections"]}
    assert load((ROOT / "galaxy.yml").read_text())["dependencies"] == wanted
