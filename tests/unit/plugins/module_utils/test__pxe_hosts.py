"""pxe_hosts.json: what it says, what is wrong with it, and the way back."""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils._pxe_hosts import dump, parse
from ansible_collections.bootyard.netboot.plugins.module_utils._sources import Host, SourceError
from hypothesis import example, given
from hypothesis import strategies as st

ENTRY = {"macaddr": "e2:29:a2:da:43:b1", "$hostname": "docker-101", "channel": "stable"}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner),
    max_leaves=3,
)
variables = st.dictionaries(st.from_regex(r"[a-z_]\w{0,5}", fullmatch=True).filter(lambda name: name != "hostname"), values, max_size=4)


@st.composite
def inventories(draw):
    """Hosts as they stand in an inventory: what they share, and each with its own."""
    names = draw(st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), unique=True, max_size=4))
    shared = {"netboot_vars_common": common} if (common := draw(variables)) and names else {}
    hosts = []
    for number, name in enumerate(names):
        host = {"netboot_mac": f"52:54:00:00:00:{number:02x}", "netboot_ip": f"10.0.33.{number}", "netboot_profile": draw(st.text())}
        host |= {"netboot_template": template} if (template := draw(st.text())) else {}
        host |= {"netboot_vars": own} if (own := draw(variables)) else {}
        hosts.append(Host(name, host))
    return hosts, shared


def merged(hosts, shared):
    """The variables of each host's configuration, the host's own beating the common ones."""
    return {host.name: shared.get("netboot_vars_common", {}) | host.variables.get("netboot_vars", {}) for host in hosts}


def rest(hosts):
    return [(host.name, {key: value for key, value in host.variables.items() if key != "netboot_vars"}) for host in hosts]


def faults(text: str | dict, **options) -> tuple[str, ...]:
    with pytest.raises(SourceError) as caught:
        parse(text if isinstance(text, str) else json.dumps(text), **options)
    return caught.value.faults


def complaints(text: str) -> tuple[str, ...]:
    try:
        parse(text, trailing_commas=True)
    except SourceError as error:
        return error.faults
    return ()


def test_a_host():
    entry = ENTRY | {"template": "etcd2.yaml", "$public_ipv4": "10.100.10.101", "$a": 1, "$b": "{{ x }} $y"}
    source = parse(json.dumps({"common": {"$a": 0, "$gw": "10.100.10.5"}, "hosts": {"192.168.90.101": entry}}))
    assert source.hosts == (
        Host(
            "docker-101",
            {
                "netboot_mac": "e2:29:a2:da:43:b1",
                "netboot_ip": "192.168.90.101",
                "netboot_profile": "stable",
                "netboot_template": "etcd2.yaml",
                "netboot_vars": {"public_ipv4": "10.100.10.101", "a": 1, "b": "{{ x }} $y"},
            },
        ),
    )
    assert source.shared == {"netboot_vars_common": {"a": 0, "gw": "10.100.10.5"}}


def test_what_is_shared_needs_not_be_there():
    assert parse(json.dumps({"hosts": {}})) == parse('{"common": {}, "hosts": {}}')


def test_a_channel_may_have_another_name_here():
    hosts = {"10.0.0.1": ENTRY, "10.0.0.2": ENTRY | {"$hostname": "b", "channel": "beta"}}
    source = parse(json.dumps({"hosts": hosts}), {"stable": "flatcar"})
    assert [host.variables["netboot_profile"] for host in source.hosts] == ["flatcar", "beta"]
    assert json.loads(dump(source.hosts, {"stable": "flatcar"}))["hosts"] == hosts


@given(inventories())
@example(
    (
        [Host("a", {"netboot_mac": "", "netboot_ip": "1", "netboot_profile": "", "netboot_vars": {"x": 1}})],
        {"netboot_vars_common": {"x": True}},
    )
)
def test_the_way_back(inventory):
    hosts, shared = inventory
    text = dump([Host(host.name, shared | host.variables) for host in hosts])
    source = parse(text)
    assert rest(source.hosts) == rest(hosts)
    assert json.dumps(merged(source.hosts, source.shared), sort_keys=True) == json.dumps(merged(hosts, shared), sort_keys=True)
    assert source.shared == shared
    assert dump([Host(host.name, source.shared | host.variables) for host in source.hosts]) == text


def test_variables_of_groups_are_the_hosts_own():
    host = Host(
        "a", {"netboot_mac": "", "netboot_ip": "1", "netboot_profile": "", "netboot_vars_group": {"x": 1, "y": 1}, "netboot_vars": {"y": 2}}
    )
    assert parse(dump([host])).hosts[0].variables["netboot_vars"] == {"x": 1, "y": 2}


BROKEN = '{\n  "hosts": {\n\t"10.0.0.1": {"macaddr": "aa", "$x": "a,}", "$hostname": "a",\r\n    "channel": "stable",\r\n    },\n  },\n}\n'


def test_a_trailing_comma_has_its_place():
    [fault] = faults(BROKEN)
    place, line, mark = fault.split("\n")
    assert place.startswith("line 4, column 24: JSON allows no comma after the last entry; take it away, or set trailing_commas")
    assert line[mark.index("^")] == "," == line[23]


def test_trailing_commas_are_tolerated_where_they_are_allowed():
    assert parse(BROKEN, trailing_commas=True) == parse(BROKEN.replace("},", "}").replace('"stable",', '"stable"'))


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", "line 1, column 1: is no JSON"),
        ('{"hosts":\n\t{"a" 1}}', "line 2, column 7: is no JSON: Expecting ':' delimiter\n\t{\"…\" 1}}\n\t     ^"),
        ('{"a": "\n"}', "line 1, column 8: is no JSON: Invalid control character"),
    ],
)
@pytest.mark.parametrize("trailing_commas", [True, False])
def test_other_slips_have_their_place_too(text, start, trailing_commas):
    [fault] = faults(text, trailing_commas=trailing_commas)
    assert fault.startswith(start)


@given(st.text(alphabet='{}[]",:1 \n\t\\', max_size=30))
def test_any_text_is_read_or_refused_with_a_place(text):
    assert all(re.match(r"line \d+, column \d+: |the file|common|hosts", fault) for fault in complaints(text))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([], ["the file: is no JSON object", "the file: hosts is missing"]),
        ({"hosts": [], "common": 1}, ["common: is no JSON object", "hosts: is no JSON object"]),
        (
            {"hosts": {}, "$a": 1, "host": {}},
            ["the file: '$a' is not known here", "the file: 'host' is not known here; did you mean hosts?"],
        ),
        ({"hosts": {}, "common": {"gw": 1}}, ["common: 'gw' is not known here; a variable of your own begins with $"]),
        ({"hosts": {"10.0.0.1": "x"}}, ["hosts, 10.0.0.1: is no JSON object"]),
        ({"hosts": {"10.0.0.1": {}}}, [f"hosts, 10.0.0.1: {key} is missing" for key in ("macaddr", "$hostname", "channel")]),
        ({"hosts": {"10.0.0.1": ENTRY | {"maccaddr": ""}}}, ["hosts, 10.0.0.1: 'maccaddr' is not known here; did you mean macaddr?"]),
        ({"hosts": {"10.0.0.1": ENTRY, "10.0.0.2": ENTRY}}, ["hosts, 10.0.0.2: $hostname = 'docker-101' is 10.0.0.1's too"]),
    ],
)
def test_every_fault_is_named(data, expected):
    assert [fault[: len(start)] for fault, start in zip(faults(data), expected, strict=False)] == expected


def test_keys_that_are_there_twice():
    entry = json.dumps(ENTRY)
    text = f'{{"common": {{"$a": 1, "$a": 1}}, "hosts": {{"10.0.0.1": {entry}, "10.0.0.1": {entry[:-1]}, "channel": "beta"}}}}}}'
    assert faults(text) == (
        "common: '$a' is there more than once; leave one",
        "hosts: '10.0.0.1' is there more than once; leave one",
        "hosts, 10.0.0.1: 'channel' is there more than once; leave one",
    )


@pytest.mark.parametrize(
    "text", ['{"hosts": {"$a": "hunter2",}}', '{"common": {"$a": [\n"hunter2",\n]}}', '{"$a": "hunter2', '{"$a": hunter "hunter2"}']
)
def test_a_slip_beside_a_secret_shows_the_place_and_no_secret(text):
    [fault] = faults(text)
    assert "line " in fault
    assert "hunter2" not in fault
    assert fault.endswith("^")
