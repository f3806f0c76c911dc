"""What an operator names is what is selected; a typo selects nothing else."""

from __future__ import annotations

import time

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.bootyard.netboot.plugins.filter.selected_nodes import selected_nodes

GROUPS = {
    "all": ["head", "node1", "node2", "node10", "pc1"],
    "ungrouped": [],
    "master": ["head"],
    "slaves": ["node1", "node2", "node10", "pc1"],
    "rack": ["node2", "node10", "head"],
}


@pytest.mark.parametrize(
    ("said", "nodes"),
    [
        ("node1", ["node1"]),
        ("node10,node1", ["node1", "node10"]),
        (["node10", "node1"], ["node1", "node10"]),
        (["node10,node1", ["pc1"]], ["node1", "node10", "pc1"]),
        (" node10 , node1 ", ["node1", "node10"]),
        ("node*", ["node1", "node2", "node10"]),
        ("slaves[0:1]", ["node1", "node2"]),
        ("~node\\d$", ["node1", "node2"]),
        ("rack", ["node2", "node10"]),
        ("all", ["node1", "node2", "node10", "pc1"]),
        ("slaves:!rack", ["node1", "pc1"]),
        ("slaves,!rack", ["node1", "pc1"]),
        ("node*:&rack:!node2", ["node10"]),
        ("", []),
        ([], []),
        ([""], []),
    ],
)
def test_names_groups_and_patterns_select_nodes(said, nodes):
    assert selected_nodes(GROUPS, said) == nodes


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("nod1", r"^nod1 is unknown \(did you mean node1 or "),
        ("node1,node22", r"^node22 is unknown \(did you mean node2 or "),
        (["node1", "slave"], r"^slave is unknown \(did you mean slaves\?\)"),
        ("node1,zzz,pc9*", r"^zzz is unknown; pc9\* is unknown\. Expected nodes or groups with nodes of slaves$"),
        ("node1,!node22", r"^!node22 is unknown \(did you mean node2 or "),
        ("head", r"^head is unknown"),
        ("master", r"^master is unknown"),
        ("localhost", r"^localhost is unknown"),
        ("rack:&pc1", r"^rack,&pc1 leaves no node of slaves$"),
    ],
)
def test_what_matches_no_node_is_an_error(said, message):
    with pytest.raises(AnsibleFilterError, match=message):
        selected_nodes(GROUPS, said)


def test_nobody_named_is_an_error_where_somebody_must_be():
    with pytest.raises(AnsibleFilterError, match=r"^No node is named\. Expected for example: reinstall\.yml -e node=node4$"):
        selected_nodes(GROUPS, "", "slaves", "reinstall.yml -e node=node4")


def test_a_group_without_nodes_is_said():
    with pytest.raises(AnsibleFilterError, match="the group nodes is empty or missing"):
        selected_nodes(GROUPS, "all", "nodes")


def test_thousands_of_names_take_no_time():
    names = [f"node{number}" for number in range(5000)]
    began = time.perf_counter()
    assert selected_nodes({"all": names, "slaves": names}, ",".join(names)) == names
    assert time.perf_counter() - began < 5
