"""The plugin's words: which there are (.pot), and the French of them as WordPress reads it (.mo, .json for scripts).

`make plugin` writes `plugin/languages` anew from the plugin's files and `relance-fr_FR.po`, the only one of them that
people edit. Nothing in them depends on when or where that happened.
"""

from __future__ import annotations

import ast
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PLUGIN = Path(__file__).with_name("plugin")
LANGUAGES = PLUGIN / "languages"
FRENCH = "fr_FR"
SCRIPT = "relance-block"
"""The one script whose words are translated: its handle names its file."""

_STRING = r"'((?:[^'\\]|\\.)*)'"
_CALL = re.compile(
    r"(?:/\*\s*translators:\s*(?P<note>.*?)\s*\*/\s*[^\n]*?)?"
    rf"\b(?P<name>__|_e|_n|esc_html__|esc_html_e|esc_attr__|esc_attr_e)\(\s*{_STRING}\s*,\s*(?:{_STRING}\s*,[^,()]*,\s*)?"
    r"'relance'\s*\)", re.DOTALL)


@dataclass
class Entry:
    """One sentence, the files in which it stands (no lines: they move with every change), what translators should know,
    and its translations (two for a plural)."""

    text: str
    plural: str = ""
    places: list[str] = field(default_factory=list)
    note: str = ""
    context: str = ""
    """WordPress looks the words of a block up under a context of their own."""
    said: tuple[str, ...] = ()


def entries() -> list[Entry]:
    """Every sentence of the plugin, in the order of its files."""
    found: dict[str, Entry] = {}

    def keep(text: str, place: str, plural: str = "", note: str = "", context: str = "") -> None:
        one = found.setdefault(f"{context}\4{text}", Entry(text, context=context))
        one.plural, one.note = plural or one.plural, note or one.note
        if place not in one.places:
            one.places.append(place)

    for path in sorted(PLUGIN.rglob("*")):
        name = path.relative_to(PLUGIN).as_posix()
        if path.suffix == ".json" and path.name == "block.json":
            block = json.loads(path.read_text(encoding="utf-8"))
            for key in ("title", "description"):
                keep(block[key], name, context=f"block {key}")
        if path.suffix not in (".php", ".js"):
            continue
        source = path.read_text(encoding="utf-8")
        if name == "relance.php" and (head := re.search(r"^ \* Description:\s*(.+)$", source, re.MULTILINE)):
            keep(head[1], name)
        for call in _CALL.finditer(source):
            one, many = (plain(text) if text else "" for text in call.groups()[2:4])
            keep(one, name, many, " ".join((call["note"] or "").split()))
    return list(found.values())


def plain(text: str) -> str:
    """What stands between single quotes in PHP and JavaScript, as it is said."""
    return text.replace("\\'", "'").replace("\\\\", "\\")


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def catalogue(all_of_them: list[Entry], head: str) -> str:
    """The text of a .pot or .po file."""
    parts = [f'msgid ""\nmsgstr ""\n{head}']
    for one in all_of_them:
        lines = [f"#. translators: {one.note}"] if one.note else []
        lines += [f"#: {place}" for place in one.places]
        lines += [f"msgctxt {quoted(one.context)}"] if one.context else []
        lines.append(f"msgid {quoted(one.text)}")
        if one.plural:
            said = one.said or ("", "")
            lines.append(f"msgid_plural {quoted(one.plural)}")
            lines += [f"msgstr[{place}] {quoted(words)}" for place, words in enumerate(said)]
        else:
            lines.append(f"msgstr {quoted(one.said[0] if one.said else '')}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def read(path: Path) -> dict[str, tuple[str, ...]]:
    """What a .po file says: sentence → its translations."""
    known: dict[str, list[str]] = {}
    name, text, current = "", "", ""
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if match := re.match(r'(msgid_plural|msgid|msgstr(?:\[\d\])?) (".*")$', line):
            name, current = match[1], ast.literal_eval(match[2])
        elif line.startswith('"'):
            current += ast.literal_eval(line)
        else:
            continue
        if name == "msgid":
            text = current
        elif name.startswith("msgstr"):
            place = int(name[7]) if "[" in name else 0
            words = known.setdefault(text, [])
            words[place:] = [current]
    return {text: tuple(words) for text, words in known.items()}


def compiled(said: list[Entry], head: str) -> bytes:
    """A .mo file (GNU gettext): sorted pairs, and where each begins."""
    pairs = {b"": ast.literal_eval("(" + head + ")").encode()}
    for one in said:
        if one.said and all(one.said):
            key = f"{one.text}\0{one.plural}" if one.plural else one.text
            key = f"{one.context}\4{key}" if one.context else key
            pairs[key.encode()] = "\0".join(one.said).encode()
    keys = sorted(pairs)
    begins, tables, body = 28 + 16 * len(keys), [b"", b""], b""
    for place, texts in enumerate((keys, [pairs[key] for key in keys])):
        for text in texts:
            tables[place] += struct.pack("<II", len(text), begins + len(body))
            body += text + b"\0"
    head_of_file = struct.pack("<7I", 0x950412DE, 0, len(keys), 28, 28 + 8 * len(keys), 0, begins)
    return head_of_file + tables[0] + tables[1] + body


def files() -> Iterator[tuple[str, bytes]]:
    """Every file of `languages`, as it should be: its name and its content."""
    all_of_them = entries()
    head = ('"Project-Id-Version: Relance\\n"\n"MIME-Version: 1.0\\n"\n'
            '"Content-Type: text/plain; charset=UTF-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n')
    yield "relance.pot", catalogue(all_of_them, head.rstrip("\n")).encode()
    french = head + f'"Language: {FRENCH}\\n"\n"Plural-Forms: nplurals=2; plural=(n > 1);\\n"'
    place = LANGUAGES / f"relance-{FRENCH}.po"
    known = read(place) if place.is_file() else {}
    for one in all_of_them:
        one.said = known.get(one.text, ())
    yield place.name, catalogue(all_of_them, french).encode()
    yield f"relance-{FRENCH}.mo", compiled(all_of_them, french)
    of_script = {one.text: list(one.said) for one in all_of_them
                 if "assets/block.js" in one.places and one.said}
    messages = {"": {"domain": "messages", "lang": FRENCH, "plural-forms": "nplurals=2; plural=(n > 1);"}, **of_script}
    yield f"relance-{FRENCH}-{SCRIPT}.json", json.dumps(
        {"domain": "messages", "locale_data": {"messages": messages}}, ensure_ascii=False, indent=1).encode() + b"\n"


def untranslated() -> list[str]:
    """What has no French yet."""
    known = read(LANGUAGES / f"relance-{FRENCH}.po")
    return [one.text for one in entries() if not known.get(one.text) or not all(known[one.text])]


def write() -> None:
    """Writes the files."""
    for name, content in files():
        (LANGUAGES / name).write_bytes(content)
