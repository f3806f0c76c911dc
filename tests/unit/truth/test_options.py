"""Examples, playbooks and pages call our modules and filters with options that exist. No stock tool looks at that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import yaml
from documents import COLLECTION, PAGES, ROOT, blocks, load, mappings, run

FILES = [path for pattern in ("*.yml", "playbooks/**/*.yml", "roles/**/*.yml", "molecule/**/*.yml") for path in ROOT.glob(pattern)]


@pytest.fixture(scope="module")
def documented() -> dict[str, dict]:
    """What ansible-doc knows of this collection: kind, full name, content."""
    return json.loads(run("ansible-doc", "--metadata-dump", COLLECTION))["all"]


def wrong(arguments: object, options: dict, where: str) -> Iterator[str]:
    """Yield a line for each argument that is not among the options and for each required option that is missing."""
    if not isinstance(arguments, dict):
        return
    by_name = {alias: spec for name, spec in options.items() for alias in (name, *spec.get("aliases", ()))}
    for name, value in arguments.items():
        if name not in by_name:
            yield f"{where}: {name} is none of {', '.join(options)}"
        elif inner := by_name[name].get("suboptions"):
            for item in value if isinstance(value, list) else [value]:
                yield from wrong(item, inner, f"{where}.{name}")
    for name, spec in options.items():
        if spec.get("required") and not arguments.keys() & {name, *spec.get("aliases", ())}:
            yield f"{where}: {name} is missing"


def wrong_calls(text: str, modules: dict[str, dict], where: object) -> list[str]:
    """Return a line for each thing that is wrong in the calls of our modules in a YAML text."""
    document = list(mappings(load(text)))
    defaults = {name: given for mapping in document for name, given in (mapping.get("module_defaults") or {}).items()}
    return [
        line
        for task in document
        for name in task.keys() & modules.keys()
        for line in wrong(defaults.get(name, {}) | (task[name] or {}), modules[name]["doc"].get("options", {}), f"{where}: {name}")
    ]


def test_examples_of_modules(documented):
    modules = documented["module"]
    assert [name for name, content in modules.items() if f"{name}:" not in content["examples"]] == []
    assert [line for name, content in modules.items() for line in wrong_calls(content["examples"], modules, name)] == []


def test_examples_of_filters(documented):
    for name, content in documented["filter"].items():
        calls = re.findall(rf"\|\s*{re.escape(name)}\b(\((?:[^()]|\([^()]*\))*\))?", content["examples"])
        assert calls, f"no example of {name} uses it"
        keywords = {keyword for call in calls for keyword in re.findall(r"(\w+)\s*=(?!=)", call)}
        assert keywords <= content["doc"]["options"].keys(), f"an example of {name} gives what it does not take"


def test_examples_of_inventories(documented):
    for name, content in documented["inventory"].items():
        for example in yaml.safe_load_all(content["examples"]):
            assert example["plugin"] == name
            assert list(wrong(example, content["doc"]["options"], name)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_tasks(path, documented):
    assert wrong_calls(path.read_text(), documented["module"], "here") == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages(page, documented):
    assert [line for block in blocks(page, "yaml") for line in wrong_calls(block, documented["module"], page.name)] == []


@pytest.mark.parametrize("arguments", ["{state: finished, stat: 1}", "{}"], ids=["unknown", "missing"])
def test_a_wrong_call_is_noticed(arguments):
    modules = {f"{COLLECTION}.run": {"doc": {"options": {"state": {"required": True}}}}}
    assert wrong_calls(f"- {COLLECTION}.run: {arguments}", modules, "here") != []
