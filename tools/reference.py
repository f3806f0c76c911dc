"""Render docs/reference from what ansible-doc knows about this collection. Called by tools/docs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from antsibull_docs_parser import dom
from antsibull_docs_parser.format import LinkProvider
from antsibull_docs_parser.md import MDFormatter, to_md
from antsibull_docs_parser.parser import Context, parse

COLLECTION = "bootyard.netboot"
REFERENCE = Path(__file__).resolve().parents[1] / "docs/reference"
KINDS = {"role": "Roles", "module": "Modules", "filter": "Filters", "inventory": "Inventories"}
NOTICE = "<!-- Written by `make docs` from the code: change it there. -->"


def main() -> int:
    pages = dict(render())
    stale = {path for path in REFERENCE.rglob("*.md") if path not in pages}
    differing = {path for path, text in pages.items() if not path.exists() or path.read_text() != text}
    if "--check" in sys.argv:
        for path in sorted(stale | differing):
            print(f"{path} is not what the code says; run make docs")
        return 1 if stale | differing else 0
    for path in stale:
        path.unlink()
    for path in differing:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[path])
    print(f"docs/reference: {len(pages)} pages, {len(differing)} written, {len(stale)} removed")
    return 0


def render() -> Iterator[tuple[Path, str]]:
    """Yield each page's path and text."""
    dump = subprocess.run(["ansible-doc", "--metadata-dump", COLLECTION], check=True, capture_output=True, text=True)
    everything = json.loads(dump.stdout)["all"]
    index = ["# Reference", NOTICE]
    for kind, title in KINDS.items():
        index.append(f"## {title}")
        entries = []
        for fqcn, content in sorted(everything[kind].items()):
            name = fqcn.removeprefix(COLLECTION + ".")
            path = REFERENCE / kind / f"{name}.md"
            short, body = role(content) if kind == "role" else plugin(content)
            yield path, join(f"# {fqcn}", NOTICE, *body)
            entries.append(f"- [{name}]({kind}/{name}.md): {to_md(parse(short, Context()), formatter=Plain())}")
        index.append("\n".join(entries))
    yield REFERENCE / "README.md", join(*index)


def role(content: dict) -> tuple[str, list[str]]:
    """Return a role's one line and the blocks of its page."""
    points = content["entry_points"]
    blocks = []
    for name in sorted(points, key=lambda point: (point != "main", point)):
        spec = points[name]
        blocks += [f"## {spec['short_description']}"]
        if name != "main":
            blocks.append(f"Entry point of `tasks_from: {name}`.")
        blocks += prose(spec.get("description")) + options(spec.get("options") or {})
    main_point = points.get("main") or next(iter(points.values()))
    return main_point["short_description"], blocks


def plugin(content: dict) -> tuple[str, list[str]]:
    """Return a plugin's one line and the blocks of its page."""
    doc = content["doc"]
    blocks = [f"{markdown(doc['short_description'])}.", *prose(doc["description"])]
    if doc.get("requirements"):
        blocks.append("Requires: " + "; ".join(markdown(item) for item in doc["requirements"]) + ".")
    if doc.get("options"):
        blocks += ["## Options", *options(doc["options"])]
    if doc.get("attributes"):
        rows = [f"| `{name}` | {a['support']} | {cell(a['description'])} |" for name, a in sorted(doc["attributes"].items())]
        blocks += ["## Attributes", "\n".join(["| attribute | support | |", "| --- | --- | --- |", *rows])]
    blocks += ["## Examples", f"```yaml\n{content['examples'].strip()}\n```"]
    if content.get("return"):
        blocks += ["## Returns", *options(content["return"], "returned")]
    return doc["short_description"], blocks


def options(specs: dict, column: str = "default") -> list[str]:
    """Return a table of options or return values, those inside others below them; nothing where there are none."""
    rows = [row for name, spec in specs.items() for row in option_rows(name, spec, column)]
    return ["\n".join([f"| name | type | {column} | meaning |", "| --- | --- | --- | --- |", *rows])] if rows else []


def option_rows(name: str, spec: dict, column: str) -> Iterator[str]:
    kind = spec.get("type", "str") + (f" of {spec['elements']}" if spec.get("elements") else "")
    meaning = cell(spec["description"])
    if spec.get("choices"):
        meaning += " One of " + ", ".join(map(code, spec["choices"])) + "."
    yield f"| `{name}` | {kind} | {default(spec) if column == 'default' else cell(spec.get(column, ''))} | {meaning} |"
    for inner, inner_spec in (spec.get("options") or spec.get("suboptions") or spec.get("contains") or {}).items():
        yield from option_rows(f"{name}.{inner}", inner_spec, column)


def default(spec: dict) -> str:
    if spec.get("required"):
        return "required"
    return "" if spec.get("default") is None else code(spec["default"])


def prose(text: str | list[str] | None) -> list[str]:
    """Return paragraphs of Ansible's markup as Markdown."""
    return [markdown(paragraph) for paragraph in ([text] if isinstance(text, str) else text or [])]


def cell(text: str | list[str]) -> str:
    return " ".join(prose(text)).replace("\n", " ").replace("|", "\\|")


def markdown(text: str) -> str:
    return to_md(parse(text, Context()), formatter=Plain(), link_provider=Pages()).strip()


class Plain(MDFormatter):
    """Markdown that reads well as text too: no HTML, and no escapes that it can do without."""

    @staticmethod
    def _format_option_like(part: dom.OptionNamePart | dom.ReturnValuePart, url: str | None) -> str:
        return code(part.name if part.value is None else f"{part.name}={part.value}")

    def format_code(self, part: dom.CodePart) -> str:
        return code(part.text)

    def format_option_value(self, part: dom.OptionValuePart) -> str:
        return code(part.value)

    def format_env_variable(self, part: dom.EnvVariablePart) -> str:
        return code(part.name)

    def format_module(self, part: dom.ModulePart, url: str | None) -> str:
        return linked(part.fqcn, url)

    def format_plugin(self, part: dom.PluginPart, url: str | None) -> str:
        return linked(part.plugin.fqcn, url)

    def format_text(self, part: dom.TextPart) -> str:
        return re.sub(r"([\\*_<\[`])", r"\\\1", part.text)


class Pages(LinkProvider):
    """The pages of this collection, as seen from one of them."""

    def plugin_link(self, plugin: dom.PluginIdentifier) -> str | None:
        ours = plugin.fqcn.startswith(COLLECTION + ".") and plugin.type in KINDS
        return f"../{plugin.type}/{plugin.fqcn.removeprefix(COLLECTION + '.')}.md" if ours else None


def linked(name: str, url: str | None) -> str:
    return f"[{code(name)}]({url})" if url else code(name)


def code(value: object) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value)
    return f"`{text}`".replace("|", "\\|")


def join(*blocks: str) -> str:
    return "\n\n".join(blocks) + "\n"


if __name__ == "__main__":
    sys.exit(main())
