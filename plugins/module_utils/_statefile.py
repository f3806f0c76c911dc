# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""JSON files in which a master remembers things: written whole or not at all, and read with suspicion.

A power cut leaves empty files, a disk or an editor damaged ones, and a newer release fields that this one does not
know. Readers get the content, None where there is no file, or one kind of error that names the file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import stat
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

#: Bytes that are read at most; the state of ten thousand nodes takes a tenth of that.
LIMIT = 64 << 20

T = TypeVar("T")


class StateFileError(RuntimeError):
    """A file is there and of no use; the message names it and says why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} {reason}")
        self.path = path


def read_json(path: str) -> dict[str, Any] | None:
    """The object in a file, or None where there is no file. Raises L(StateFileError) for whatever else is there."""
    try:
        # A FIFO in its place would block an ordinary open.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise StateFileError(path, "is not a regular file")
            content = stream.read(LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StateFileError(path, f"cannot be read: {error.strerror}") from error
    if len(content) > LIMIT:
        raise StateFileError(path, f"is larger than {LIMIT >> 20} MiB")
    if not content.strip(b"\0 \t\r\n"):
        raise StateFileError(path, "is empty")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StateFileError(path, f"is not valid JSON: {error}") from error
    if not isinstance(found, dict):
        raise StateFileError(path, f"is not valid: it holds a {type(found).__name__}; expected an object")
    return found


def read_as(kind: type[T], path: str) -> T | None:
    """The dataclass in a file, or None where there is no file.

    Fields that only another release knows are ignored. Raises L(StateFileError) where a field has the wrong type or a
    required one is missing.
    """
    found = read_json(path)
    return None if found is None else build(kind, found, path)


def build(kind: type[T], data: Mapping[str, Any], path: str) -> T:
    """The dataclass that C(data), from the file C(path), describes."""
    hints = typing.get_type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if field.name in data:
            value = data[field.name]
            if not _fits(value, hint):
                raise StateFileError(path, f"is not valid: {field.name} = {value!r:.60}; expected {_name(hint)}")
            values[field.name] = tuple(value) if typing.get_origin(hint) is tuple else value
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise StateFileError(path, f"is not valid: {field.name} is missing")
    return kind(**values)


def write_json(path: str, data: Mapping[str, Any], mode: int = 0o600, durable: bool = True) -> None:
    """Write an object so that whatever happens leaves the old or the new one; readable for root unless C(mode) says more.

    Without C(durable), a power cut may leave an empty file.
    """
    _clear(path + ".new")
    descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(descriptor, mode)
        json.dump(data, stream)
        if durable:
            stream.flush()
            os.fsync(descriptor)
    if os.path.isdir(path):
        set_aside(path)
    os.rename(path + ".new", path)
    if durable:
        _sync_directory(os.path.dirname(path))


def set_aside(path: str) -> str:
    """Rename what is at C(path) so that it is kept and in nobody's way; its new path."""
    number = 1
    while os.path.lexists(aside := f"{path}.unusable-{number}"):
        number += 1
    os.rename(path, aside)
    return aside


def private_directory(path: str) -> None:
    """A directory for root alone, made or repaired."""
    with contextlib.suppress(FileExistsError):
        os.makedirs(path, mode=0o700)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if os.fstat(descriptor).st_mode & 0o7777 != 0o700:
            os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def _clear(path: str) -> None:
    """Have nothing at C(path): what a killed writer left goes, whatever has no place there is kept elsewhere."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except IsADirectoryError:
        set_aside(path)


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value that JSON brought is of a field's type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, choice) for choice in arguments)
    check = _CHECKS.get(origin)
    if check:
        return check(value, arguments)
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return hint is Any or isinstance(value, hint)


def _is_list(value: Any, arguments: tuple[Any, ...]) -> bool:
    return isinstance(value, list) and all(_fits(item, arguments[0]) for item in value)


def _is_dict(value: Any, arguments: tuple[Any, ...]) -> bool:
    return isinstance(value, dict) and all(_fits(key, arguments[0]) and _fits(item, arguments[1]) for key, item in value.items())


#: How to check a generic type; a tuple is one of any length, for which JSON has a list.
_CHECKS: dict[Any, Callable[[Any, tuple[Any, ...]], bool]] = {list: _is_list, tuple: _is_list, dict: _is_dict}


def _name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)
