"""Defaults of roles are those of their specifications, and every variable with a role's prefix is declared somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _fleet
from documents import ROOT, load, mappings

ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
PREFIXED = rf"(?:{'|'.join(ROLES)})_\w+"
TEXTS = sorted(
    path
    for pattern in ("roles/*/[dhtv]*/**/*", "playbooks/**/*", "molecule/**/*.yml", "inventory/**/*")
    for path in ROOT.glob(pattern)
    if path.is_file()
)
CONDITIONS = ("when", "until", "changed_when", "failed_when", "that")


def entry_points(role: str) -> list[dict]:
    return list(load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"].values())


def values(role: str, kind: str) -> dict:
    """Return a role's defaults or vars."""
    path = ROOT / "roles" / role / kind / "main.yml"
    return load(path.read_text()) or {} if path.exists() else {}


def assigned(path: Path) -> Iterator[str]:
    """Yield the variables that the tasks and plays of a file set."""
    for mapping in mappings(load(path.read_text())):
        for key in ("vars", "ansible.builtin.set_fact"):
            if isinstance(mapping.get(key), dict):
                yield from mapping[key]
        yield from (mapping[key] for key in ("register", "loop_var", "index_var") if isinstance(mapping.get(key), str))


def parameters(path: Path) -> set[str]:
    """Return what a playbook can be given with -e: it has no specification, but a default where it uses it."""
    return set(re.findall(r"\b(\w+) \| default\(", path.read_text()))


def given(path: Path) -> set[str]:
    """Return the prefixed variables that an inventory sets."""
    return set(re.findall(rf"(?<![\w.-]){PREFIXED}(?=\s*[:=])", path.read_text()))


def used(path: Path) -> Iterator[str]:
    """Yield the prefixed variables in a file's Jinja and in its tasks' conditions."""
    text = path.read_text()
    expressions = re.findall(r"\{[{%].*?[%}]\}", text, re.DOTALL)
    if path.suffix == ".yml":
        document = list(mappings(load(text)))
        expressions += [str(mapping[key]) for mapping in document for key in CONDITIONS if key in mapping]
    for expression in expressions:
        yield from re.findall(rf"(?<![\w.'\"/-]){PREFIXED}\b(?!\()", expression)


GIVEN = {name for path in TEXTS if path.is_relative_to(ROOT / "inventory") for name in given(path)}


@pytest.fixture(scope="module")
def declared() -> set[str]:
    names = set(_fleet.NODE_VARIABLES | _fleet.MASTER_VARIABLES)
    for role in ROLES:
        names |= {name for point in entry_points(role) for name in point.get("options") or {}}
        names |= values(role, "vars").keys()
    for path in TEXTS:
        names |= set(assigned(path)) if path.suffix == ".yml" else set()
        names |= parameters(path) if path.is_relative_to(ROOT / "playbooks") else set()
    return names


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_those_of_the_specification(role):
    defaults, specified = values(role, "defaults"), {}
    for point in entry_points(role):
        for name, option in (point.get("options") or {}).items():
            if "default" in option:
                assert specified.setdefault(name, option["default"]) == option["default"], f"{name} has two defaults"
            elif "{{" in str(defaults.get(name)):
                # A computed default is told in the description's words.
                specified[name] = defaults[name]
    assert defaults == specified


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_variables_are_declared(path, declared):
    assert set(used(path)) - declared - GIVEN == set()


def test_what_inventories_set_is_read(declared):
    assert GIVEN - declared - {name for path in TEXTS for name in used(path)} == set()


def test_an_undeclared_variable_is_noticed(tmp_path):
    path = tmp_path / "main.yml"
    path.write_text("- debug:\n    msg: '{{ netboot_flet.nodes }}'\n  when: tftp_directry is defined\n")
    assert set(used(path)) == {"netboot_flet", "tftp_directry"}
