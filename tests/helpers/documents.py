"""The repository as the tests read it: its YAML, its Markdown, and commands run in it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

COLLECTION = "bootyard.netboot"
ROOT = Path(__file__).resolve().parents[2]
COLLECTIONS = ROOT / ".ansible/collections"
LINK = COLLECTIONS / "ansible_collections" / COLLECTION.replace(".", "/")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def run(*command: str | Path, cwd: Path = ROOT, collections: Path = COLLECTIONS) -> str:
    """Run a command and return what it printed; fail with all it said when it fails."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


class _AnyTag(yaml.SafeLoader):
    """Reads Ansible's own tags, such as !vault, as plain values."""


_AnyTag.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node))


def load(text: str) -> object:
    return yaml.load(text, _AnyTag)  # a SafeLoader


def mappings(node: object) -> Iterator[dict]:
    """Yield every mapping in a document: plays, blocks, tasks and all that is in them."""
    if isinstance(node, dict):
        yield node
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from mappings(value)


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the fenced blocks of a Markdown page that are in one of the languages."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [body for language, body in found if language in languages]


def commands(page: Path) -> list[str]:
    """Return the commands of a page's shell blocks, comments left out and continued lines joined."""
    lines = "".join(blocks(page, "sh", "bash")).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
