"""The document as YAML, as people write it: each value knows its line, and `NO`, `on` and `18:00` stay what they look
like (YAML 1.1 reads them as false, true and 64 800). Nothing but plain values is read: no tags, no anchors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import yaml

from core.domain.errors import BadInput

LONGEST = 1_000_000
DEEPEST = 30
_CORE = {
    "tag:yaml.org,2002:bool": (r"^(?:true|false)$", "tf"),
    "tag:yaml.org,2002:null": (r"^(?:null|~|)$", ["n", "~", ""]),
    "tag:yaml.org,2002:int": (r"^-?(?:0|[1-9][0-9]{0,17})$", "-0123456789"),
    "tag:yaml.org,2002:float": (r"^-?(?:0|[1-9][0-9]*)\.[0-9]+$", "-0123456789"),
}
"""The plain scalars that are no text (YAML 1.2, core schema, without its rarer spellings)."""


class ConfigUnreadable(BadInput):
    """The text is no document that we read; `line` is where, from 1."""

    def __init__(self, code: str, line: int, **values: Any) -> None:
        super().__init__(code, line=line, **values)
        self.line = line


@dataclass(frozen=True, slots=True)
class Written:
    """What was read, and the line of each value by its JSON pointer."""

    value: dict[str, Any]
    lines: Mapping[str, int]

    def line(self, pointer: str) -> int:
        """Where `pointer` stands, or the nearest thing that holds it."""
        while pointer and pointer not in self.lines:
            pointer = pointer.rpartition("/")[0]
        return self.lines.get(pointer, 1)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[Any]] = {}


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers: dict[str, list[Any]] = {}

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _prepare() -> None:
    for kind in (_Loader, _Dumper):
        for tag, (pattern, first) in _CORE.items():
            kind.add_implicit_resolver(tag, re.compile(pattern), list(first))
    _Dumper.add_representer(str, _text)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Several lines as lines."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_prepare()


def read(text: str) -> Written:
    """Raises `ConfigUnreadable`."""
    if len(text) > LONGEST:
        raise ConfigUnreadable("config_too_long", 1)
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[str, int] = {}
        value = _value(node, "", lines, 0) if node is not None else {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigUnreadable(
            "config_not_yaml", mark.line + 1 if mark else 1, why=str(getattr(error, "problem", "") or "")[:120]
        ) from error
    finally:
        loader.dispose()
    if not isinstance(value, dict):
        raise ConfigUnreadable("config_not_yaml", 1, why="")
    return Written(value, lines)


def write(value: Mapping[str, Any]) -> str:
    """The document, its names in the order that they have."""
    plain = orjson.loads(orjson.dumps(value))
    return yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False)


def _value(node: Any, pointer: str, lines: dict[str, int], depth: int) -> Any:
    line = node.start_mark.line + 1
    if getattr(node, "read_before", False):
        # An anchor that stands in two places: a few lines of them are a document of gigabytes.
        raise ConfigUnreadable("config_not_yaml", line, why="*")
    node.read_before = True
    if pointer in lines or depth > DEEPEST:
        raise ConfigUnreadable("config_too_deep", line)
    lines[pointer] = line
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for name_node, inner in node.value:
            name = name_node.value
            if not isinstance(name_node, yaml.ScalarNode) or name in found:
                raise ConfigUnreadable("config_name_twice", name_node.start_mark.line + 1, name=str(name)[:60])
            place = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            found[name] = _value(inner, place, lines, depth + 1)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_value(inner, f"{pointer}/{place}", lines, depth + 1) for place, inner in enumerate(node.value)]
    match node.tag.rpartition(":")[2]:
        case "null":
            return None
        case "bool":
            return node.value == "true"
        case "int":
            return int(node.value)
        case "float":
            return float(node.value)
        case "str":
            return node.value
    raise ConfigUnreadable("config_not_yaml", line, why=node.tag)
