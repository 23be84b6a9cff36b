"""The README's tables, made from the code; `make docs` writes them, `test_docs.py` compares them."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from sidecar.setting_rows import setting_rows
from sidecar.settings import Settings
from sidecar.telemetry.catalogue import METRICS, SERIES

README = Path(__file__).parent.parent / "README.md"


def tables() -> dict[str, str]:
    """Markdown by marker name."""
    return {"settings": _settings(), "metrics": _metrics()}


def _settings() -> str:
    rows = (
        (f"`{row.name}`", row.default, row.unit, row.effect, row.allowed)
        for row in setting_rows(Settings.model_construct())
    )
    return _table(("variable", "default", "unit", "effect", "allowed"), rows)


def _metrics() -> str:
    rows = (
        (f"`{metric.name}`", metric.kind, _labels(metric.labels), metric.help) for metric in METRICS
    )
    return _table(("metric", "type", "labels", "meaning"), rows)


def _labels(labels: tuple[str, ...]) -> str:
    more = labels[len(SERIES) :] if labels[: len(SERIES)] == SERIES else labels
    own = ", ".join(f"`{label}`" for label in more)
    if labels[: len(SERIES)] != SERIES:
        return own or "none"
    return f"upstream, model, {own}" if own else "upstream, model"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def filled(text: str) -> str:
    """The README's text with every table between its markers made anew."""
    for name, table in tables().items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        head, begin, end, rest = re.split(pattern, text, maxsplit=1, flags=re.DOTALL)
        text = f"{head}{begin}{table}\n{end}{rest}"
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write("README.md: tables written\n")
