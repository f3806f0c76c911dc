"""One call gives a service all of its files, and says beforehand what it would do."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from documents import COLLECTIONS, LINK


@pytest.fixture
def files(module, tmp_path):
    """Runs the module for files by name: files({name: content}, other options)."""

    def run(contents, **options):
        paths = {str(tmp_path / "etc" / name): text for name, text in contents.items()}
        return module("service_files", name="test", files=paths, **options)

    return run


@pytest.fixture
def etc(tmp_path):
    return tmp_path / "etc"


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_check_mode_predicts_what_the_run_does(files, etc):
    for wanted in ({"a": "1\n", "b": "2\n"}, {"a": "1\n", "c": "3\n"}, {"a": "1\n", "c": "3\n"}):
        before = contents(etc) if etc.exists() else None
        predicted = files(wanted, dry=True)
        assert (contents(etc) if etc.exists() else None) == before
        assert files(wanted) == predicted
        assert contents(etc) == wanted
    assert predicted["changed"] is False


def test_the_result_says_what_changed(files, etc):
    files({"a": "1\n", "b": "2\n"})
    result = files({"a": "3\n"})
    assert (result["changed"], result["written"], result["removed"]) == (True, [f"{etc}/a"], [f"{etc}/b"])
    assert result["diff"] == [
        {"before": "1\n", "after": "3\n", "before_header": f"{etc}/a", "after_header": f"{etc}/a"},
        {"before": "2\n", "after": "", "before_header": f"{etc}/b", "after_header": f"{etc}/b"},
    ]


def test_files_that_a_partial_run_left_alone_go_with_the_next_whole_one(files, etc):
    files({"a": "1\n", "b": "2\n"})
    files({"a": "3\n"}, prune=False)
    assert contents(etc) == {"a": "3\n", "b": "2\n"}
    assert files({"a": "3\n"})["removed"] == [f"{etc}/b"]
    assert contents(etc) == {"a": "3\n"}


def test_a_checker_that_refuses_stops_everything(files, etc):
    files({"a": "1\n"})
    result = files({"a": "2\n", "b": "bad\n"}, check={"*/b": ["grep", "-v", "bad", "%s"]})
    assert result["failed"]
    assert result["msg"].startswith("test: grep refuses the new configuration")
    assert contents(etc) == {"a": "1\n"}


@pytest.mark.parametrize(("mode", "umask", "wanted"), [("0644", 0o077, 0o644), ("0600", 0o000, 0o600)])
def test_servers_can_read_what_they_shall_whatever_the_umask(files, etc, mode, umask, wanted):
    files({"a": "1\n"}, mode=mode, umask=umask)
    assert (etc / "a").stat().st_mode & 0o777 == wanted
    assert etc.stat().st_mode & 0o777 == 0o755


def test_a_run_that_was_overtaken_writes_nothing(files, module, etc):
    started = module("run", nodes=["node1"])
    module("run", state="finished", run=started["run"], nodes=["node1"])
    module("run", nodes=["node1"])
    result = files({"a": "1\n"}, run=started["run"])
    assert result["failed"]
    assert "has taken over" in result["msg"]
    assert not etc.exists()


def test_a_directory_in_the_way_is_a_readable_error(files, etc):
    (etc / "a").mkdir(parents=True)
    result = files({"a": "1\n"})
    assert result["failed"]
    assert "Is a directory" in result["msg"]


def test_a_service_that_does_not_exist_gets_no_files(files, etc):
    etc.mkdir()
    (etc / "a").write_text("the package's\n")
    result = files({"a": "1\n", "b": "2\n"}, service="bootyard-no-such-unit.service")
    assert result["failed"]
    assert "The previous configuration is back" in result["msg"]
    assert contents(etc) == {"a": "the package's\n"}


@pytest.mark.parametrize("damage", ["", "{", '{"files": 1}'])
def test_a_damaged_ledger_stops_nothing_and_is_named(files, etc, tmp_path, damage):
    files({"a": "1\n", "b": "2\n"})
    ledger = tmp_path / "state/files/test.json"
    ledger.write_text(damage)
    for dry in (True, False):
        result = files({"a": "3\n"}, dry=dry)
        assert (result["written"], result["removed"]) == ([f"{etc}/a"], [])
        [warning] = result["warnings"]
        assert f"{ledger} is " in str(warning)
        assert "no longer desired" in str(warning)
    assert contents(etc) == {"a": "3\n", "b": "2\n"}
    assert "warnings" not in files({"a": "3\n"})


@pytest.mark.parametrize("secret", [False, True])
def test_the_system_s_log_never_has_what_is_in_a_file(tmp_path, secret):
    """It would have it from Ansible, for every module that does not say otherwise."""
    dev = tmp_path / "dev"
    dev.mkdir()
    for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
        os.mknod(dev / name, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
    options = {"name": "test", "files": {f"{tmp_path}/a": "hunter2"}, "secret": secret, "state_dir": str(tmp_path / "state")}
    command = [sys.executable, str(LINK / "plugins/modules/service_files.py")]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(dev / "log"))
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", f'mount --bind {dev} /dev && "$@"; logger --socket /dev/log end', "sh", *command],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": options}),
            env=os.environ | {"PYTHONPATH": str(COLLECTIONS)},
            capture_output=True,
            text=True,
            check=True,
        )
        said = []
        while not said or not said[-1].endswith("end"):
            said.append(log.recv(2**20).decode())
    assert json.loads(done.stdout)["changed"]
    assert "hunter2" not in "\n".join(said)
    assert ("hunter2" in done.stdout) != secret


def test_rules_that_the_kernel_lost_are_loaded_again(files, etc, tmp_path, monkeypatch):
    """Each call has a network of its own, which no rule is in, and a unit that counts as active all the same."""
    rules = "table ip bootyard_test {\n    chain x {\n    }\n}\n"
    systemctl = tmp_path / "bin/systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(f"#!/bin/sh\ncase $1 in reload) exec nft --file {etc}/rules;; esac\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:/usr/sbin:/usr/bin:/sbin:/bin")
    probe = {"nftables": {"table": "ip bootyard_test", "text": "chain x"}}
    files({"rules": rules})
    assert not files({"rules": rules}, service="test.service")["changed"], "nothing to miss"
    for dry in (True, False):
        done = files({"rules": rules}, service="test.service", probe=probe, dry=dry)
        assert (done["changed"], done["activated"], done["written"]) == (True, True, [])
