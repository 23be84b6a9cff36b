"""Every alert fires when it should and is silent when it should be, as promtool evaluates it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.monitoring import rule_groups
from tests.helm.rendering import run
from tests.helm.tools import tool

CASES = {path.stem: path for path in sorted((Path(__file__).parent / "alerts").glob("*.yaml"))}


@pytest.fixture(scope="module")
def promtool() -> Path:
    """Prometheus' own checker of rules."""
    return tool("promtool")


def _write(groups: list[dict[str, Any]], into: Path, *, annotated: bool = False) -> Path:
    """A rule file. promtool wants every annotation spelled out again, so most cases do without."""
    left_out = set() if annotated else {"annotations"}
    bare = [
        group | {"rules": [{k: v for k, v in rule.items() if k not in left_out} for rule in rules]}
        for group in groups
        for rules in [group["rules"]]
    ]
    path = into / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": bare}), "utf-8")
    return path


@pytest.mark.parametrize("case", CASES)
def test_they_fire_and_are_silent_as_they_should(
    case: str, helm3: Path, promtool: Path, tmp_path: Path
) -> None:
    _write(rule_groups(helm3), tmp_path)
    (tmp_path / "case.yaml").write_text(CASES[case].read_text("utf-8"), "utf-8")

    result = run(promtool, "test", "rules", tmp_path / "case.yaml")

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_is_seen_both_firing_and_silent(helm3: Path) -> None:
    checks = [
        check
        for case in CASES.values()
        for test in yaml.safe_load(case.read_text("utf-8"))["tests"]
        for check in test["alert_rule_test"]
    ]
    alerts = {rule["alert"] for group in rule_groups(helm3) for rule in group["rules"]}

    assert {check["alertname"] for check in checks if check.get("exp_alerts")} == alerts
    assert {check["alertname"] for check in checks if not check.get("exp_alerts")} == alerts


def test_prometheus_takes_the_rules_with_their_templates(
    helm3: Path, promtool: Path, tmp_path: Path
) -> None:
    result = run(promtool, "check", "rules", _write(rule_groups(helm3), tmp_path, annotated=True))

    assert result.returncode == 0, result.stdout + result.stderr


def test_each_says_how_bad_it_is_and_what_to_do(helm3: Path) -> None:
    for group in rule_groups(helm3):
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]
            assert rule["annotations"].keys() == {"summary", "description"}
            assert len(rule["annotations"]["summary"]) <= 150
            assert "keep_firing_for" in rule, f"{rule['alert']} may flap"


SATURATED = """
rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'ai_api_queue_depth{namespace="shop",pod="a",upstream="openai",model="m"}', values: 9+0x9}
      - {series: 'ai_api_active_concurrency{namespace="shop",pod="a",upstream="openai",model="m"}', values: 9+0x9}
      - {series: 'ai_api_upstream_limited{namespace="shop",pod="a",upstream="openai",model="m"}', values: 1+0x9}
    alert_rule_test:
      - alertname: LLMQuotaSaturated
        eval_time: 3m
        exp_alerts:
          - exp_labels: {severity: warning, namespace: shop, upstream: openai, model: m}
            exp_annotations:
              summary: Calls wait for the provider's limit of openai/m in shop
              description: >-
                100% of the waiting calls wait for the provider, not for pods. Buy quota, send less, or
                spread calls to other models or providers. More pods would only share the same quota;
                the autoscaler holds them where they are.
"""


def test_prometheus_fills_in_who_and_how_much(helm3: Path, promtool: Path, tmp_path: Path) -> None:
    """With a threshold of the user's own, too."""
    _write(rule_groups(helm3, upstreamLimitedFor="3m"), tmp_path, annotated=True)
    (tmp_path / "case.yaml").write_text(SATURATED, "utf-8")

    result = run(promtool, "test", "rules", tmp_path / "case.yaml")

    assert result.returncode == 0, result.stdout + result.stderr


def test_thresholds_are_the_users(helm3: Path) -> None:
    text = yaml.safe_dump(rule_groups(helm3, p95Seconds=7.5, rejectionRatio=0.25), width=1000)

    assert "> 7.5\n" in text
    assert "> 0.25\n" in text
