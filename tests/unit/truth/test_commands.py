"""The commands in README and guide are ones that run: tried for real, as far as that changes nothing."""

from __future__ import annotations

import shlex

import pytest
from documents import PAGES, ROOT, commands, run

COMMANDS = [(page, command) for page in PAGES for command in commands(page)]


def try_make(words: list[str]) -> None:
    run("make", "--dry-run", *words[1:])


def try_playbook(words: list[str]) -> None:
    run(*words, "--syntax-check")


def try_as_it_is(words: list[str]) -> None:
    run(*words)


def try_paths(words: list[str]) -> None:
    """For what needs a machine: the files of this repository that it names are there."""
    for word in words[1:]:
        assert not word.startswith(("inventory/", "playbooks/", "tools/", "docs/")) or (ROOT / word).exists(), word


TRIALS = {
    "make": try_make,
    "ansible-playbook": try_playbook,
    "ansible-inventory": try_as_it_is,
    "ansible-doc": try_as_it_is,
    "cat": try_paths,
    "docker": try_paths,
    "editor": try_paths,
    "ssh": try_paths,
}


def test_readme_opens_with_the_two_commands():
    assert commands(ROOT / "README.md")[:2] == ["make lab", "make test"]


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page.name}: {command}" for page, command in COMMANDS])
def test_documented_command_runs(page, command):
    words = shlex.split(command, comments=True)
    assert words[0] in TRIALS, f"nothing here knows how to try {words[0]}"
    TRIALS[words[0]](words)


def test_a_command_that_does_not_run_is_noticed():
    with pytest.raises(AssertionError):
        try_make(["make", "labb"])
    with pytest.raises(AssertionError):
        try_playbook(["ansible-playbook", "playbooks/sight.yml"])
