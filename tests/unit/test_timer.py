"""What the timer runs on a master lies there by itself: no file of it may be missing."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import yaml
from documents import ROOT

ROLE = ROOT / "roles/artefacts"
CODE = "/usr/local/lib/"


@pytest.fixture
def follow(tmp_path):
    """Runs what the timer runs, from copies of the files that the role brings: follow(told)."""
    for target, source in yaml.safe_load((ROLE / "vars/main.yml").read_text())["__artefacts_files"].items():
        if target.startswith(CODE):
            path = tmp_path / "lib" / target.removeprefix(CODE)
            path.parent.mkdir(parents=True, exist_ok=True)
            name = re.search(r"'(/_\w+\.py)'", source)
            path.write_bytes((ROOT / f"plugins/module_utils{name[1]}" if name else ROLE / "files" / target[1:]).read_bytes())

    def run(told: str) -> subprocess.CompletedProcess:
        (tmp_path / "artefacts.json").write_text(told)
        words = [
            sys.executable,
            "-I",
            "-B",
            "-c",
            "import sys, runpy; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('bootyard', run_name='__main__')",
        ]
        return subprocess.run([*words, tmp_path / "lib", tmp_path / "artefacts.json"], capture_output=True, text=True, check=False)

    return run


def test_it_runs_with_what_the_role_brings(follow, tmp_path):
    told = {"roots": [str(tmp_path)], "keep": 3, "mirrors": {}, "keyrings": "", "state_dir": str(tmp_path / "state"), "artefacts": {}}
    done = follow(json.dumps(told))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "state").stat().st_mode & 0o7777 == 0o700


@pytest.mark.parametrize("damage", ["", "{"])
def test_it_names_a_file_that_is_damaged(follow, tmp_path, damage):
    done = follow(damage)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{tmp_path}/artefacts.json is ")
