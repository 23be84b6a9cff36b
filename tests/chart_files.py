"""The chart's files that are made from the code; `python -m tests.chart_files` writes them,
`test_chart_files.py` compares them."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import yaml

from sidecar.injector.annotations import ANNOTATIONS, MAX_LENGTH
from sidecar.upstream.routes import WELL_KNOWN
from tests.chart_schema import filled

CHART = Path(__file__).parent.parent / "helm" / "llm-sidecar"

_MADE = "# Made from {} by `python -m tests.chart_files`.\n"


def chart_files() -> dict[Path, str]:
    """Text by path."""
    return {
        CHART / "files" / "annotations.yaml": _annotations(),
        CHART / "files" / "upstreams.yaml": _upstreams(),
        CHART / "values.schema.json": _schema(),
    }


def _annotations() -> str:
    rows = [{k: v for k, v in asdict(each).items() if v} for each in ANNOTATIONS]
    return _MADE.format("sidecar/injector/annotations.py") + yaml.safe_dump(
        {"maxLength": MAX_LENGTH, "annotations": rows},
        sort_keys=False,
        width=1000,
        allow_unicode=True,
    )


def _upstreams() -> str:
    """Those that need no URL."""
    made = _MADE.format("sidecar/upstream/routes.py")
    return made + yaml.safe_dump({"upstreams": list(WELL_KNOWN)})


def _schema() -> str:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = (CHART / "values.yaml").read_text(encoding="utf-8")
    return json.dumps(filled(schema, values), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path, text in chart_files().items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(CHART)}: written\n")
