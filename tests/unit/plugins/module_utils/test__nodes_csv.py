"""A spreadsheet of nodes: what it says in whatever way it was saved, and what is wrong with it."""

from __future__ import annotations

import csv
import io

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils._nodes_csv import DELIMITERS, parse
from ansible_collections.bootyard.netboot.plugins.module_utils._sources import Host, SourceError
from hypothesis import given
from hypothesis import strategies as st

cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1).map(str.strip).filter(bool)
names = st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), unique=True, max_size=5)


def faults(text: str, **options) -> tuple[str, ...]:
    with pytest.raises(SourceError) as caught:
        parse(text, **options)
    return caught.value.faults


def complaints(text: str) -> tuple[str, ...]:
    try:
        parse(text)
    except SourceError as error:
        return error.faults
    return ()


def hosts(text: str, **options) -> dict[str, dict]:
    return {host.name: host.variables for host in parse(text, **options).hosts}


def test_a_node():
    text = 'Name,MAC,netboot_ip,Kernel args,profile,groups,vars.rack,bmc.address\nn1,aa bb,10.0.0.1,a=1 b,p,"x, y;z",r1,10.0.1.1\n'
    variables = {
        "netboot_mac": ["aa", "bb"],
        "netboot_ip": "10.0.0.1",
        "netboot_kernel_args": "a=1 b",
        "netboot_profile": "p",
        "netboot_vars": {"rack": "r1"},
        "netboot_bmc": {"address": "10.0.1.1"},
    }
    assert parse(text).hosts == (Host("n1", variables, ("x", "y", "z")),)


@given(st.data(), names, st.sampled_from(DELIMITERS), st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_it_is_read_as_it_was_written(data, names, delimiter, end, quoting):
    rows = {name: {"netboot_ip": data.draw(cells), "netboot_vars": {"x": data.draw(cells)}} for name in names}
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([["ip", "name", "vars.x"], *([row["netboot_ip"], name, row["netboot_vars"]["x"]] for name, row in rows.items())])
    assert hosts(text.getvalue()) == rows


def test_empty_cells_and_rows_say_nothing():
    assert hosts("name;mac;ip;\nn1;;10.0.0.1;\n;;;\n\nn2\n") == {"n1": {"netboot_ip": "10.0.0.1"}, "n2": {}}


def test_what_headers_of_ones_own_mean():
    text = "Computer;MAC address;Site Rack;Bought;Console\nn1;aa;r1;2019;ttyS1\n"
    columns = {"computer": "name", "MAC address": "mac", "site rack": "rack", "Bought": "", "Console": "vars.console"}
    assert hosts(text, columns=columns) == {"n1": {"netboot_mac": ["aa"], "rack": "r1", "netboot_vars": {"console": "ttyS1"}}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["line 1: has no column for the names"]),
        ("mac;ip\n", ["line 1: has no column for the names"]),
        (
            "name;proflie;Owner\n",
            ["line 1, column proflie: is no header that is known here; did you mean profile?", "line 1, column Owner: is no"],
        ),
        ("name;mac;netboot_mac\n", ["line 1, column netboot_mac: netboot_mac has a column already"]),
        ("name;vars\na\n", []),
        ("name;mac\na;1\n;2\na;3\n", ["line 3, column name: is empty", "line 4, column name: a is on line 2 already"]),
        ('name;vars.x\na;"1\n2"\n;2\n', ["line 4, column name: is empty"]),
        ("name;ip\na;1;2\nb;1;\n", ["line 2: has 3 cells below 2 headers"]),
        ('name;ip\na;"1"2"\n', ["line 2: is no CSV"]),
        ('name;ip\na;1\nb;"1\n', ["line 3: is no CSV: unexpected end of data"]),
    ],
)
def test_every_fault_has_its_place(text, expected):
    found = faults(text) if expected else ()
    assert [fault[: len(start)] for fault, start in zip(found, expected, strict=True)] == expected


@given(st.text(alphabet='name;,\t"\r\n1', max_size=40))
def test_any_text_is_read_or_refused(text):
    assert all(fault.startswith("line ") for fault in complaints("name;mac\n" + text))
