"""Reads a YAML file into its nodes, which know their lines; nothing in it can make an object."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sidecar.errors import ConfigError

MOST_BYTES = 1_048_576
"""A larger file is no list of prices."""

MOST_DEPTH = 8
"""Of nodes within nodes: twice what a list of prices needs, and far from what ends the stack."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value, not yet understood."""

    line: int
    """Counted from 1."""
    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    line: int
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """Keys and values, in the file's order; a key may be there twice."""

    line: int
    pairs: tuple[tuple["Node", "Node"], ...]


Node = Scalar | Items | Entries


def read_nodes(path: Path) -> Node | None:
    """The file's only document; None where it is empty.

    Raises ConfigError, with the file and the line, for what cannot be read, is no YAML, is larger
    or deeper than the bounds above, or has a tag, an anchor or an alias: with those a small file
    can stand for a huge one.
    """
    text = _text(path)
    try:
        import yaml
    except ImportError as error:
        raise ConfigError(
            [f'{path}: price files need PyYAML: pip install "llm-sidecar[cost]"']
        ) from error
    try:
        node = _loader(path)(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError([f"{path}:{line}: not YAML: {error.problem or error.context}"]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError([f"{path}:{line}: has a character that YAML forbids"]) from error
    return None if node is None else _node(node)


def _node(node: Any) -> Node:
    """One of the library's nodes as ours."""
    line = node.start_mark.line + 1
    if node.id == "mapping":
        return Entries(line, tuple((_node(key), _node(value)) for key, value in node.value))
    if node.id == "sequence":
        return Items(line, tuple(_node(item) for item in node.value))
    return Scalar(line, node.value, node.style is not None)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror or error}"]) from error
    if len(content) > MOST_BYTES:
        raise ConfigError([f"{path}: is larger than {MOST_BYTES} bytes"])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: is not UTF-8"]) from error


def _loader(path: Path) -> Any:
    """A loader that refuses what the file must not have before it is built."""
    import yaml

    class Loader(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            line = f"{path}:{event.start_mark.line + 1}"
            if getattr(event, "anchor", None) is not None:
                raise ConfigError([f"{line}: anchors and aliases (& and *) are not allowed"])
            if getattr(event, "tag", None) is not None:
                raise ConfigError([f"{line}: tags (!) are not allowed"])
            if self.depth >= MOST_DEPTH:
                raise ConfigError([f"{line}: is nested too deeply"])
            self.depth += 1
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    return Loader
