"""What must never be in the repository is not."""

from __future__ import annotations

import re

from documents import ROOT, run

FILES = [ROOT / name for name in run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()]
TEXTS = {path: path.read_text(errors="replace") for path in FILES if path.is_file()}

# The brackets keep these from matching themselves.
PRIVATE_KEY = re.compile("BEGIN ([A-Z0-9]+ )?PRIVATE[ ]KEY")
REGISTRY = re.compile("pyp[i][.]org|pythonhoste[d]|galaxy[.]ansible|docker[.]io/|quay[.]io|ghcr[.]io")


def having(pattern: re.Pattern) -> list[str]:
    return [str(path.relative_to(ROOT)) for path, text in TEXTS.items() if pattern.search(text)]


def test_no_private_key():
    assert having(PRIVATE_KEY) == []


def test_no_host_name_of_a_package_registry():
    assert having(REGISTRY) == []


def test_plugins_say_their_licence():
    """Ansible runs plugins inside itself, so each must be under its licence, and say so."""
    plugins = [path for path in TEXTS if path.is_relative_to(ROOT / "plugins")]
    assert [path.name for path in plugins if "SPDX-License-Identifier: GPL-3.0-or-later" not in TEXTS[path]] == []
