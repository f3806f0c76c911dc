# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""cloud-init's own schema, out of the package of a Debian release; cloud-init itself is installed nowhere on the master."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from . import _statefile
from ._secrets import kind

SCHEMA = "usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json"
#: Faults that are shown; a template that is wrong is so for every node.
_SHOWN = 20
#: What 22.4 reads and its schema does not list; later schemas list all there is.
_UNLISTED = frozenset(["datasource", "launch-index", "merge_how", "merge_type", "output", "system_info"])


class SchemaError(RuntimeError):
    """A schema is not to be had, so nothing can be checked and nothing is published."""


class Store:
    """The schemas below C(directory), each in a file that is named like its release."""

    def __init__(self, directory: str, mirror: str | None = None) -> None:
        self._directory, self._mirror = directory, mirror

    def has(self, suite: str) -> bool:
        """Whether the schema of a release was fetched."""
        return self._read(suite) is not None

    def load(self, suite: str) -> dict[str, Any]:
        """The schema of a release's cloud-init, which is fetched once: stable releases do not change theirs."""
        schema = self._read(suite)
        if schema is None:
            self._fetch(suite, self._path(suite))
            schema = self._read(suite)
        if schema is None:
            raise SchemaError(f"{self._path(suite)} is not valid JSON; remove it and run again")
        return schema

    def _read(self, suite: str) -> dict[str, Any] | None:
        with contextlib.suppress(_statefile.StateFileError):  # a damaged one is as good as none
            return _statefile.read_json(self._path(suite)) or None
        return None

    def _path(self, suite: str) -> str:
        return os.path.join(self._directory, f"{suite}.json")

    def _fetch(self, suite: str, path: str) -> None:
        """With lists of its own, since the master's apt knows its own release only. apt authenticates what it brings."""
        os.makedirs(self._directory, mode=0o755, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._directory) as scratch:
            for name in ("lists/partial", "cache/archives/partial", "root"):
                os.makedirs(os.path.join(scratch, name))
            keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
            with open(os.path.join(scratch, "sources.list"), "w", encoding="utf-8") as stream:
                stream.write(f"deb [signed-by={keyring}] {self._mirror or _mirror()} {suite} main\n")
            settings = {
                "Dir::Etc::SourceList": f"{scratch}/sources.list",
                "Dir::Etc::SourceParts": "-",
                "Dir::State::Lists": f"{scratch}/lists",
                "Dir::Cache": f"{scratch}/cache",
                "APT::Sandbox::User": "root",
                "Acquire::Languages": "none",
            }
            apt = ["apt-get", "--quiet", *(word for name, value in settings.items() for word in ("--option", f"{name}={value}"))]
            for words in ((*apt, "--error-on=any", "update"), (*apt, "download", "cloud-init")):
                _run(suite, words, scratch)
            [deb] = [name for name in os.listdir(scratch) if name.endswith(".deb")]
            _run(suite, ("dpkg-deb", "--extract", deb, "root"), scratch)
            try:
                shutil.move(os.path.join(scratch, "root", SCHEMA), path)
            except FileNotFoundError as error:
                raise SchemaError(f"{deb} has no {SCHEMA}") from error


class Checks:
    """Asks schemas about configurations, and remembers in C(directory) what passed, as asking takes longer than all the rest."""

    def __init__(self, directory: str, store: Store) -> None:
        self._path, self._store = os.path.join(directory, "cloud-checked.json"), store
        self._passed: dict[str, str] = {}

    def run(self, configs: Mapping[str, Mapping[str, Any]], release: str, dry: bool) -> int:
        """Check what has not passed before and return how many that were; C(dry) fetches nothing. Raises C(SchemaError) with all faults.

        C(configs) are as P(bootyard.netboot.cloud_configs#filter) has them; C(release) is that of nodes without one.
        """
        known, validators, found, count = self._load(), {}, [], 0
        for node, config in configs.items():
            suite = config["suite"] or release
            if config["data"] is None or (dry and not self._store.has(suite)):
                continue
            self._passed[node] = hashlib.sha256(f"{suite}\0{config['files']['config']}".encode()).hexdigest()
            if known.get(node) == self._passed[node]:
                continue
            if suite not in validators:
                validators[suite] = validator(self._store.load(suite))
            count += 1
            found += [f"{node}: {config['template']}: {where}: {what}" for where, what in faults(validators[suite], config["data"])]
        if found:
            shown = [f"  - {fault}" for fault in found[:_SHOWN]] + ([f"  … and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else [])
            raise SchemaError("\n".join(["cloud-init of the node's release would refuse this; nothing was changed:", *shown]))
        return count

    def save(self) -> None:
        """Remember what passed."""
        _statefile.write_json(self._path, self._passed, durable=False)

    def _load(self) -> dict[str, Any]:
        """What passed; all is checked again where that is lost."""
        with contextlib.suppress(_statefile.StateFileError):
            return _statefile.read_json(self._path) or {}
        return {}


def validator(schema: Mapping[str, Any]) -> Any:
    """What checks configurations against the schema. Raises C(SchemaError) where jsonschema is missing."""
    try:
        import jsonschema
    except ImportError as error:
        raise SchemaError("The master needs the package python3-jsonschema") from error
    return jsonschema.Draft4Validator(schema)


def faults(checker: Any, config: Any) -> Iterator[tuple[str, str]]:
    """What cloud-init would complain about: where in the configuration, and what would be right."""
    found = sorted(map(_closest, checker.iter_errors(config)), key=lambda error: list(map(str, error.absolute_path)))
    # Several modules of cloud-init read the same key.
    yield from dict.fromkeys((_place(error.absolute_path), _message(error)) for error in found)
    known = _known(checker.schema)
    for key in config if isinstance(config, Mapping) and "properties" not in checker.schema else ():
        if key not in known:
            close = difflib.get_close_matches(str(key), known, 1)
            yield str(key), f"is no key of this cloud-init; did you mean {close[0]}?" if close else "is no key of this cloud-init"


def _message(error: Any) -> str:
    """What jsonschema says, but for the value that it says it of, which may be a secret."""
    return error.message.replace(repr(error.instance), kind(error.instance))[:300]


def _place(path: Iterable[Any]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _closest(error: Any) -> Any:
    """Of all the alternatives that do not hold, the fault that lies deepest is the one that was meant to be something."""
    while error.context:
        error = max(error.context, key=lambda inner: len(inner.absolute_path))
    return error


def _known(schema: Mapping[str, Any]) -> frozenset[str]:
    """The keys that the schema's parts name."""
    parts = (schema["$defs"][part["$ref"].rpartition("/")[2]] for part in schema["allOf"])
    return _UNLISTED.union(*(part.get("properties", {}) for part in parts))


def _mirror() -> str:
    """Where the master's own apt gets Debian from."""
    targets = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages", "Origin: Debian", "Label: Debian"]
    mirrors = subprocess.run(targets, capture_output=True, text=True, check=True).stdout.split()
    if not mirrors:
        raise SchemaError("The master's apt has no Debian mirror; name one as cloud_config_mirror")
    return mirrors[0]


def _run(suite: str, command: tuple[str, ...], directory: str) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        raise SchemaError(f"cloud-init's schema of {suite} is not to be had: {done.stderr.strip()[-500:]}")
