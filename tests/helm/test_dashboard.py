"""The dashboard can be loaded, read and asked."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.monitoring import dashboard, panel_queries, panels
from tests.helm.rendering import CHART, run
from tests.helm.tools import tool

Board = dict[str, Any]


@pytest.fixture(scope="module")
def board(helm3: Path) -> Board:
    """As it stands in its ConfigMap."""
    return dashboard(helm3)


def test_the_config_map_has_the_file_unchanged(board: Board) -> None:
    assert board == yaml.safe_load((CHART / "dashboards" / "llm-sidecar.json").read_text("utf-8"))


def test_ids_are_unique_and_titles_tell_panels_apart(board: Board) -> None:
    for key in ("id", "title"):
        found = [panel[key] for panel in board["panels"]]
        assert len(set(found)) == len(found), key


def test_every_panel_says_what_it_shows_and_in_which_unit(board: Board) -> None:
    for panel in panels(board):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_whoever_looks_chooses_the_data_source(board: Board) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    variables = board["templating"]["list"]

    assert variables[0]["type"] == "datasource"
    for asking in (*panels(board), *variables[1:]):
        assert asking["datasource"] == chosen
    for panel in panels(board):
        assert [target["datasource"] for target in panel["targets"]] == [chosen] * len(
            panel["targets"]
        )


def test_every_variable_is_there_and_used(board: Board) -> None:
    declared = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", str(board["panels"])))

    assert used - {"__rate_interval", "1"} == declared, "$1 is a group of label_replace"


def test_no_panel_lies_upon_another(board: Board) -> None:
    for one, other in itertools.combinations([panel["gridPos"] for panel in board["panels"]], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in board["panels"])


def test_panels_stand_in_reading_order(board: Board) -> None:
    places = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in board["panels"]]

    assert places == sorted(places)


def test_prometheus_can_read_every_query(board: Board, tmp_path: Path) -> None:
    rules = [
        {"record": f"query:{number}", "expr": query}
        for number, query in enumerate(panel_queries(board))
    ]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}), "utf-8")

    result = run(tool("promtool"), "check", "rules", path)

    assert result.returncode == 0, result.stdout + result.stderr


ANSWERS = """
evaluation_interval: 1m
tests:
  - name: Every call fails, and no pod ever counted one that did not.
    interval: 1m
    input_series:
      - series: ai_api_requests_total{namespace="shop",pod="web-1",upstream="openai",model="m",status="overloaded"}
        values: 0+9x20
    promql_expr_test:
      - {expr: Success, eval_time: 10m, exp_samples: [{labels: '{}', value: 0}]}

  - name: The first refusals that a pod ever counted, and then no more.
    interval: 1m
    input_series:
      - series: ai_api_build_info{namespace="shop",pod="web-1"}
        values: 1+0x30
      - series: ai_api_rejections_total{namespace="shop",pod="web-1",upstream="openai",model="m",kind="quota"}
        values: _x10 1+0x20
      - series: ai_api_shed_total{namespace="shop",pod="web-1",upstream="openai",model="m",reason="quota_exhausted"}
        values: _x10 2+0x20
    promql_expr_test:
      - {expr: Shed, eval_time: 12m, exp_samples: [{labels: '{}', value: 2}]}
      - {expr: Shed, eval_time: 25m, exp_samples: [{labels: '{}', value: 0}]}
      - {expr: Quota refusals, eval_time: 12m, exp_samples: [{labels: '{}', value: 3}]}
      - {expr: Quota refusals, eval_time: 25m, exp_samples: [{labels: '{}', value: 0}]}

  - name: A used-up quota is no push-back, as for the alert whose line is drawn.
    interval: 1m
    input_series:
      - series: ai_api_attempts_total{namespace="shop",pod="web-1",upstream="openai",model="m"}
        values: 0+120x20
      - series: ai_api_rejections_total{namespace="shop",pod="web-1",upstream="openai",model="m",kind="quota"}
        values: 0+30x20
      - series: ai_api_rejections_total{namespace="shop",pod="web-1",upstream="openai",model="m",kind="rate"}
        values: 0+60x20
    promql_expr_test:
      - {expr: Rejected attempts, eval_time: 10m, exp_samples: [{labels: '{upstream="openai",model="m"}', value: 0.5}]}
"""
"""Cases for promtool, which name a panel where its query belongs."""


def test_panels_say_what_their_alerts_say(board: Board, tmp_path: Path) -> None:
    cases = yaml.safe_load(ANSWERS)
    shown = {panel["title"]: panel["targets"][0]["expr"] for panel in panels(board)}
    for check in itertools.chain(*(case["promql_expr_test"] for case in cases["tests"])):
        expr = shown[check["expr"]].replace("$__rate_interval", "5m")
        check["expr"] = re.sub(r"\$[a-z]+", ".+", expr)
    path = tmp_path / "case.yaml"
    path.write_text(yaml.safe_dump(cases), "utf-8")

    result = run(tool("promtool"), "test", "rules", path)

    assert result.returncode == 0, result.stdout + result.stderr
