# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Templates and a node's variables in, text out: Jinja2, or names after a dollar sign.

Both are strict, as a name that nobody set would leave a hole in what a node makes of itself. Neither looks at a value
again that it has put in.
"""

from __future__ import annotations

import base64
import os
import re
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

import jinja2
from ansible_collections.bootyard.netboot.plugins.module_utils._ignition import escape
from ansible_collections.bootyard.netboot.plugins.module_utils._secrets import without_quotations
from jinja2.sandbox import ImmutableSandboxedEnvironment

#: A name that a template can use.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: A whole name after a dollar sign, or a second dollar sign. What a shell writes otherwise, such as ${x}, $(x) and $1, stays.
_DOLLAR = re.compile(rf"\$(\$|{NAME.pattern})")


class TemplateError(ValueError):
    """A template makes no text: C(template) and C(line) say where; a C(line) of 0 is all of it."""

    def __init__(self, template: str, line: int, message: str) -> None:
        super().__init__(message)
        self.template, self.line = template, line


class Templates:
    """The templates in C(directories); the first one that has a name has it."""

    def __init__(self, directories: Iterable[str]) -> None:
        self._directories = [os.path.abspath(directory) for directory in directories]
        self._jinja = ImmutableSandboxedEnvironment(
            loader=jinja2.FileSystemLoader(self._directories),
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.filters["b64encode"] = lambda value: base64.b64encode(str(value).encode()).decode()
        self._jinja.filters["unit_name"] = escape
        self._jinja.globals["fail"] = _fail

    def render(self, name: str, values: Mapping[str, Any], dollars: bool = False) -> str:
        """The text of a template; with C(dollars) one without the ending .j2 has names after dollar signs. Raises C(TemplateError)."""
        try:
            if dollars and not name.endswith(".j2"):
                source, _path, _fresh = self._jinja.loader.get_source(self._jinja, name)
                return substitute(name, source, values)
            return self._jinja.get_template(name).render(values)
        except jinja2.TemplateNotFound as error:
            where = ", ".join(self._directories)
            raise TemplateError(name, 0, f"{error.name} is in none of {where}; put it there, or name another one") from error
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(error.name or name, error.lineno, f"is no Jinja2: {error.message}") from error
        except _Refused as error:
            raise TemplateError(name, 0, str(error)) from error
        except TemplateError:
            raise
        # A template computes, and anything can go wrong at that.
        except Exception as error:
            raise TemplateError(*self._place(name, error), _because(error)) from error

    def _place(self, name: str, error: Exception) -> tuple[str, int]:
        """The innermost template that the error passed through, and the line; Jinja writes both into the traceback."""
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            for directory in self._directories:
                if frame.filename.startswith(f"{directory}{os.sep}"):
                    return os.path.relpath(frame.filename, directory), frame.lineno or 0
        return name, 0


def substitute(name: str, source: str, values: Mapping[str, Any]) -> str:
    """The source with values in the place of C($names), and a dollar sign in that of two. Raises C(TemplateError)."""

    def value(match: re.Match[str]) -> str:
        word = match[1]
        if word == "$":
            return "$"
        line = source.count("\n", 0, match.start()) + 1
        if word not in values:
            raise TemplateError(name, line, f"${word} is set nowhere; set {word} in netboot_vars, or write $${word} for the text itself")
        if isinstance(values[word], (Mapping, list, tuple)):
            raise TemplateError(name, line, f"${word} is no text; take a template that ends in .j2 for it")
        return str(values[word])

    return _DOLLAR.sub(value, source)


class _Refused(Exception):
    """A template says itself what it cannot do."""


def _fail(message: str) -> None:
    raise _Refused(message)


def _because(error: Exception) -> str:
    if isinstance(error, jinja2.UndefinedError):
        return f"{error.message}; set it in netboot_vars, or say in the template what holds without it"
    return f"{type(error).__name__}: {without_quotations(str(error))}"
