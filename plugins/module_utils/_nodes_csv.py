# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""A spreadsheet of nodes, saved as CSV (RFC 4180, and what spreadsheets make of it): hosts out of it. Pure.

One row a node below a row of headers: C(name), C(groups), and every C(netboot_*) variable of a node, with or without
C(netboot_). C(bmc.address) is an entry of a variable that is a mapping. An empty cell says nothing.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ._fleet import NODE_VARIABLES
from ._sources import Host, Source, SourceError

DELIMITERS = (";", ",", "\t")
PREFIX = "netboot_"
#: Variables whose cell may hold several values.
LISTS = ("netboot_mac",)


def parse(text: str, columns: Mapping[str, str] | None = None) -> Source:
    """What the file's text says.

    C(columns) says what a header means: one of those above, any other variable, or nothing at all where it is empty.
    Raises C(SourceError) with all that is wrong, each with its line and column.
    """
    rows = _rows(text)
    line, headers = next(rows, (1, []))
    faults: list[str] = []
    meanings = _meanings(faults, line, headers, {_folded(header): meaning for header, meaning in (columns or {}).items()})
    if faults:
        raise SourceError(faults)
    hosts: dict[str, Host] = {}
    lines: dict[str, int] = {}
    named = headers[meanings.index("name")]
    for line, cells in rows:
        if len(cells) > len(headers) and any(cells[len(headers) :]):
            faults.append(f"line {line}: has {len(cells)} cells below {len(headers)} headers; put a value with a separator into quotes")
            continue
        row = {meaning: cell for meaning, cell in zip(meanings, cells, strict=False) if meaning and cell}
        name = row.pop("name", "")
        if not row and not name:
            continue
        if not name:
            faults.append(f"line {line}, column {named}: is empty; every node needs a name")
        elif lines.setdefault(name, line) != line:
            faults.append(f"line {line}, column {named}: {name} is on line {lines[name]} already; leave one")
        groups = re.findall(r"[^\s,;]+", row.pop("groups", ""))
        hosts[name] = Host(name, _variables(row), tuple(groups))
    if faults:
        raise SourceError(faults)
    return Source(tuple(hosts.values()))


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows and the lines on which they begin; a quoted cell may go over several."""
    # What separates the cells of the headers separates all others; a quoted header may hold anything.
    headers = re.sub(r'"[^"]*"', "", text.split("\n", 1)[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=headers.count), strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, [cell.strip() for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise SourceError([f"line {line}: is no CSV: {error}; a quote inside of quotes is written twice"]) from None


def _meanings(faults: list[str], line: int, headers: list[str], columns: Mapping[str, str]) -> list[str]:
    """What each header means; nothing for a column that is to be left out."""
    known = {"name": "name", "groups": "groups"}
    for variable in sorted(NODE_VARIABLES):
        known |= {variable: variable, variable.removeprefix(PREFIX): variable}
    meanings = []
    for header in headers:
        word = columns.get(_folded(header), None if header else "")
        base, dot, entry = (_folded(header) if word is None else word).partition(".")
        meaning = known.get(base, base if word is not None else "")
        if not meaning and word is None:
            close = difflib.get_close_matches(base, known, 1)
            hint = f"did you mean {close[0]}?" if close else "say in columns what it means, or '' to leave it out"
            faults.append(f"line {line}, column {header}: is no header that is known here; {hint}")
        elif meaning and meaning + dot + entry in meanings:
            faults.append(f"line {line}, column {header}: {meaning + dot + entry} has a column already; leave one")
        meanings.append(meaning + dot + entry)
    if "name" not in meanings:
        faults.append(f"line {line}: has no column for the names; write a first line like name;mac;ip;profile")
    return meanings


def _folded(header: str) -> str:
    return header.strip().lower().replace(" ", "_")


def _variables(row: Mapping[str, str]) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    for meaning, cell in row.items():
        name, dot, entry = meaning.partition(".")
        if dot:
            variables.setdefault(name, {})[entry] = cell
        else:
            variables[name] = cell.replace(",", " ").split() if name in LISTS else cell
    return variables
