"""Reading YAML without letting it do anything."""

import sys
from pathlib import Path

import pytest

from sidecar.cost.yaml_nodes import MOST_BYTES, Entries, Items, Scalar, read_nodes
from sidecar.errors import ConfigError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.yaml"


def problem(path: Path, content: bytes) -> str:
    """The only one, without the file's name."""
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        read_nodes(path)
    (only,) = error.value.problems
    return only.removeprefix(str(path))


def test_nodes_know_their_lines(path: Path) -> None:
    path.write_bytes(b"a: 1\nb:\n  - 'x'\n")

    assert read_nodes(path) == Entries(
        1,
        (
            (Scalar(1, "a", False), Scalar(1, "1", False)),
            (Scalar(2, "b", False), Items(3, (Scalar(3, "x", True),))),
        ),
    )


def test_an_empty_file_has_none(path: Path) -> None:
    path.write_bytes(b"# nothing\n")

    assert read_nodes(path) is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a: 1\nb: {c", ":2: not YAML: expected ',' or '}', but got '<stream end>'"),
        (b"a: 1\n---\nb: 2\n", ":2: not YAML: but found another document"),
        (b"a:\n\tb: 1\n", ":2: not YAML: found character '\\t' that cannot start any token"),
        (b"a: 1\nb: \x01\n", ":2: has a character that YAML forbids"),
        (b"a: 1\nb: \xff\n", ":2: is not UTF-8"),
        (b"a: 1\nb: &x 2\n", ":2: anchors and aliases (& and *) are not allowed"),
        (b"a: 1\nb: *x\n", ":2: anchors and aliases (& and *) are not allowed"),
        (b"a: 1\nb: !!python/object/apply:os.getcwd []\n", ":2: tags (!) are not allowed"),
        (b"[" * 9 + b"]" * 9, ":1: is nested too deeply"),
        (b"[" * 100_000, ":1: is nested too deeply"),
        (b"#" * (MOST_BYTES + 1), ": is larger than 1048576 bytes"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else None,
)
def test_what_is_not_plain_yaml_is_refused_with_its_line(
    path: Path, content: bytes, told: str
) -> None:
    assert problem(path, content) == told


def test_a_file_that_is_not_there_is_told(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"file.yaml: cannot be read: No such file"):
        read_nodes(path)
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        read_nodes(tmp_path)


def test_without_the_library_its_package_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)

    assert problem(path, b"a: 1") == (': price files need PyYAML: pip install "llm-sidecar[cost]"')
