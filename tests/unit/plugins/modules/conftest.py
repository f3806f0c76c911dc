"""Modules run as Ansible runs them: a process, options as JSON in, a result as JSON out."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from documents import COLLECTIONS, LINK

STATELESS = ("boot_chain_info", "network_check", "node_check", "unknown_machines_info")


@pytest.fixture
def module(tmp_path):
    """Runs a module in a network of its own: module(name, dry=False, **options)."""

    def run(name: str, /, dry: bool = False, host_network: bool = False, umask: int = 0o022, **options) -> dict:
        known = {} if name in STATELESS else {"state_dir": str(tmp_path / "state")}
        arguments = {**known, **options, "_ansible_check_mode": dry, "_ansible_diff": True}
        done = subprocess.run(
            [*([] if host_network else ["unshare", "--net"]), sys.executable, LINK / f"plugins/modules/{name}.py"],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
            env=os.environ | {"PYTHONPATH": str(COLLECTIONS)},
            capture_output=True,
            text=True,
            check=False,
            umask=umask,
        )
        assert done.stdout, done.stderr
        result = json.loads(done.stdout)
        assert "exception" not in result, result
        return {key: value for key, value in result.items() if key != "invocation"}

    return run
