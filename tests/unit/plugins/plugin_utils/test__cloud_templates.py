"""Templates make what they say and nothing else, or stop with the place where they cannot."""

from __future__ import annotations

import re

import pytest
from ansible_collections.bootyard.netboot.plugins.plugin_utils._cloud_templates import TemplateError, Templates, substitute
from hypothesis import example, given
from hypothesis import strategies as st

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)
#: Text that looks like what templates, regular expressions and shells read.
nasty = st.text(st.sampled_from("ab_1 $\\{}%#\n'\"é"), max_size=12) | st.sampled_from(
    ["{{ x }}", "{% if %}", r"\1\g<0>", "${IFS}", "$a", "$$", "a: b"]
)
values = st.dictionaries(names, nasty, max_size=5)


@given(values, st.data())
@example({"public_ipv4": "P", "public_ipv4_gw": "G"}, None)
def test_names_become_values_byte_for_byte(known, data):
    words = (
        ["public_ipv4", "public_ipv4_gw"]
        if data is None
        else data.draw(st.lists(st.sampled_from(sorted(known)), max_size=5) if known else st.just([]))
    )
    source = "|".join(f"${word}." for word in words)
    assert substitute("t", source, known) == "|".join(f"{known[word]}." for word in words)


@given(st.text(st.sampled_from("ab1 $\\{(\n.-"), max_size=20))
def test_all_but_names_stays(text):
    """What has no name after a dollar sign comes out as it is, doubled dollar signs apart."""
    if not re.search(r"\$[ab]", text.replace("$$", "")):
        assert substitute("t", text, {}) == text.replace("$$", "$")


@given(nasty)
def test_doubled_dollar_signs_keep_any_text(text):
    assert substitute("t", text.replace("$", "$$"), {}) == text


def test_one_pass():
    assert substitute("t", "$a$b$$a", {"a": "$b", "b": "$a"}) == "$b$a$a"
    assert substitute("t", "$number $yes", {"number": 7, "yes": True}) == "7 True"


@pytest.mark.parametrize(
    ("source", "line", "said"), [("a\n\n$naem b", 3, "$naem is set nowhere"), ("$listed", 1, "$listed is no text")], ids=["unknown", "list"]
)
def test_a_name_that_makes_no_text_stops(source, line, said):
    with pytest.raises(TemplateError, match=re.escape(said)) as caught:
        substitute("t.yaml", source, {"name": "x", "listed": []})
    assert (caught.value.template, caught.value.line) == ("t.yaml", line)


@pytest.fixture
def templates(tmp_path):
    """Makes templates: templates({name: text}, {name: text of the second directory})."""

    def make(*directories):
        for number, files in enumerate(directories):
            for name, text in files.items():
                path = tmp_path / str(number) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        return Templates([tmp_path / str(number) for number in range(len(directories))])

    return make


@given(value=nasty)
def test_jinja_looks_once(value, tmp_path_factory):
    directory = tmp_path_factory.mktemp("t")
    (directory / "t.j2").write_text("{{ x }}|{{ x | b64encode }}\n")
    text = Templates([directory]).render("t.j2", {"x": value})
    assert text.startswith(f"{value}|")
    assert text.endswith("\n")


def test_the_first_directory_wins_and_templates_find_each_other(templates):
    made = templates({"a.j2": "mine {% include 'lib/b.j2' %}"}, {"a.j2": "theirs", "lib/b.j2": "{{ x }}", "seed.yaml": "$x {{ x }}"})
    assert made.render("a.j2", {"x": 1}) == "mine 1"
    assert made.render("seed.yaml", {"x": 1}, dollars=True) == "1 {{ x }}"
    assert made.render("seed.yaml", {"x": 1}) == "$x 1"
    assert made.render("lib/b.j2", {"x": 1}, dollars=True) == "1"


STOPS = {  # files, and the template, line and words of the error
    "undefined": ({"a.j2": "a\nb {{ ndoe.ip }}"}, "a.j2", 2, "'ndoe' is undefined; set it in netboot_vars"),
    "undefined inside": ({"a.j2": "a\n{% include 'b.j2' %}", "b.j2": "\n\n{{ x.y.z }}"}, "b.j2", 3, "has no attribute 'y'"),
    "no Jinja": ({"a.j2": "a\n{% if %}"}, "a.j2", 2, "is no Jinja2: Expected an expression"),
    "missing": ({}, "a.j2", 0, "put it there, or name another one"),
    "missing inside": ({"a.j2": "{% include 'b.j2' %}"}, "a.j2", 0, "b.j2 is in none of"),
    "wrong type": ({"a.j2": "{{ 1 + x }}"}, "a.j2", 1, "TypeError"),
    "out of the sandbox": ({"a.j2": "{{ x.__class__.__mro__ }}"}, "a.j2", 1, "SecurityError"),
    "out of the directory": ({"a.j2": "{% include '../../../etc/passwd' %}"}, "a.j2", 0, "is in none of"),
    "endless": ({"a.j2": "{% for i in range(10**9) %}{% endfor %}"}, "a.j2", 1, "OverflowError"),
}


@pytest.mark.parametrize(("files", "template", "line", "said"), STOPS.values(), ids=STOPS)
def test_a_template_that_makes_no_text_says_where(templates, files, template, line, said):
    with pytest.raises(TemplateError, match=re.escape(said)) as caught:
        templates(files).render("a.j2", {"x": "text"})
    assert (caught.value.template, caught.value.line) == (template, line)
