# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""YAML as people write it: what a reader would silently lose is a fault. Source: yaml.org/spec/1.1, which all readers here follow."""

from __future__ import annotations

import re
from typing import Any

import yaml
from ansible_collections.bootyard.netboot.plugins.module_utils._secrets import without_quotations

#: The key that a line begins with, which may be shown where a value may not.
_KEY = re.compile(r"\s*(?:- +)*([a-z][a-z_-]*)\s*:")


class YamlError(ValueError):
    """A text is no YAML, or says one thing twice; the message names the line."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Refuses a key that comes twice, of which the last one would win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _value in node.value:
            if key.tag != "tag:yaml.org,2002:merge" and isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise YamlError(f"line {key.start_mark.line + 1}: {key.value} comes a second time; only the last one would count")
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_all(text: str) -> list[Any]:
    """Every document of a text. Raises C(YamlError)."""
    try:
        return list(yaml.load_all(text, _Loader))  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        lines = text.splitlines()
        # What is left open is only noticed behind the end.
        number = min(mark.line, len(lines) - 1)
        key = _KEY.match(lines[number])
        problem = without_quotations(error.problem or error.context)
        raise YamlError(f"line {number + 1}{f', at {key[1]}' if key else ''}: {problem}") from error
    except yaml.YAMLError as error:
        raise YamlError(without_quotations(str(error))) from error


def load(text: str) -> Any:
    """The only document of a text, None if there is none. Raises C(YamlError)."""
    documents = load_all(text)
    if len(documents) > 1:
        raise YamlError(f"has {len(documents)} documents instead of one")
    return documents[0] if documents else None
