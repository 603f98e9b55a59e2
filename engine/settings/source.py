"""Read a YAML file into plain values that remember where each of them was said.

Only what a configuration needs: mappings, lists, texts, numbers, truth values and null, by YAML
1.2's rules (`no` is a text, `010` is ten, `1e-3` is a number). Nothing is evaluated; anchors,
aliases and tags are refused.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from yaml.composer import ComposerError
from yaml.reader import ReaderError

from journal.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""The keys and list positions that lead to a value, from the outside in."""

_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_WHOLE = re.compile(r"[-+]?[0-9]{1,40}")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,32}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"([-+]?)\.(inf|nan)", re.IGNORECASE)


class Source:
    """Plain values from one file, and the place of each.

    value   what the file says; overrides are written into it
    places  key path to `file:line`, or to the environment variable that set it
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.value: object = None
        self.places: dict[KeyPath, str] = {}

    def line(self, key: KeyPath, text: str) -> str:
        """Say `text` about the value at `key`, in one line that begins with its place."""
        at = key
        while at and at not in self.places:
            at = at[:-1]
        if not key:
            return f"{self.places[()]}: {text}"
        place = self.places[at] if at else self.path
        return f"{place}: {dotted(key)}: {text}"


def read(path: Path) -> Source:
    """Read the file at `path`. Raises ConfigError, with the line where there is one."""
    text = _text(path)
    try:
        node = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{place}: not valid YAML: {error.problem or error.context}") from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(
            f"{path}:{line}: the character {error.character:#x} cannot stand in YAML"
        ) from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply to be a configuration") from error
    if node is None:
        raise ConfigError(f"{path}: the file is empty; configs/demo.yaml shows what belongs in it")
    source = Source(path)
    source.value = _build(node, (), node.start_mark.line, source)
    return source


def scalar(text: str) -> object:
    """Return what `text` means as a plain YAML scalar: null, a truth value, a number, or itself."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if _NUMBER.fullmatch(text):
        return float(text)
    special = _NOT_FINITE.fullmatch(text)
    return float(special[1] + special[2]) if special else text


def dotted(key: KeyPath) -> str:
    """Write a key path as people do: `strategies[0].fast`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return text.removeprefix(".")


class _Loader(yaml.SafeLoader):
    """A SafeLoader that knows only plain trees."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call] # types-PyYAML leaves it out
        if getattr(event, "anchor", None) or getattr(event, "tag", None):
            what = "anchors, aliases and tags are not supported; write the value out"
            raise ComposerError(None, None, what, event.start_mark)
        return super().compose_node(parent, index)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text, byte {error.start} cannot be read") from error
    except OSError as error:
        # Windows answers "permission denied" for a folder, so ask.
        why = "this is a folder, not a file" if path.is_dir() else error.strerror
        raise ConfigError(f"{path}: cannot be read: {why}") from error


def _build(node: yaml.Node, key: KeyPath, line: int, source: Source) -> object:
    source.places[key] = f"{source.path}:{line + 1}"
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, key, source)
    if isinstance(node, yaml.SequenceNode):
        return [
            _build(item, (*key, index), item.start_mark.line, source)
            for index, item in enumerate(node.value)
        ]
    text: str = node.value
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return scalar(text) if plain else text


def _mapping(node: yaml.MappingNode, key: KeyPath, source: Source) -> dict[str, object]:
    result: dict[str, object] = {}
    for name_node, value_node in node.value:
        place = f"{source.path}:{name_node.start_mark.line + 1}"
        if not isinstance(name_node, yaml.ScalarNode):
            raise ConfigError(f"{place}: {dotted(key) or 'the file'}: a key must be a text")
        name = name_node.value
        inner = (*key, name)
        if name in result:
            first = source.places[inner]
            raise ConfigError(f"{place}: {dotted(inner)}: this key stands twice, first at {first}")
        result[name] = _build(value_node, inner, name_node.start_mark.line, source)
    return result
