"""What the autoscalers ask Prometheus, asked of a real one: it answers with what `/metrics` says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.monitoring import adapter_rules, asked, keda_queries, rendered
from tests.helm.prometheus import scraping
from tests.helm.rendering import run
from tests.helm.tools import tool
from tests.helm.traffic import held, sidecar
from tests.integration.rig import rig

BUSY = {"namespace": "shop", "pod": "web-6c5b9d7f4-x2x4z"}
IDLE = {"namespace": "shop", "pod": "web-6c5b9d7f4-b7k9q"}
STRANGERS = [
    {"namespace": "shop", "pod": "web-batch-6c5b9d7f4-x2x4z"},
    {"namespace": "shop", "pod": "web-batch-x2x4z"},
    {"namespace": "shop", "pod": "web-0"},
    {"namespace": "shop", "pod": "my-web-6c5b9d7f4-x2x4z"},
    {"namespace": "test", "pod": "web-6c5b9d7f4-x2x4z"},
]
"""Pods of other workloads that a careless pattern would count."""

LONG = "a-name-of-fifty-two-letters-which-leaves-few-for-rest"
CUT = {"namespace": "shop", "pod": f"{LONG}-6c5bx2x4z"}
"""Kubernetes keeps 58 characters before the last five."""

GAUGES = ["ai_api_admissible_demand", "ai_api_queue_depth"]


@pytest.mark.slow
async def test_the_answers_are_what_the_sidecars_say(helm3: Path, tmp_path: Path) -> None:
    binary = tool("prometheus")
    rules = adapter_rules(helm3)
    queries = keda_queries(helm3, queueDepth=2)
    of_nobody = keda_queries(helm3, name="gone")[0]
    cut = keda_queries(helm3, name=LONG)[0]
    stateful = keda_queries(helm3, name="web", kind="StatefulSet")[0]
    async with sidecar() as busy, rig() as idle, held(busy, "one"), held(busy, "other"):
        targets = [(busy.sidecar.admin_port, labels) for labels in (BUSY, CUT, *STRANGERS)]
        targets.append((idle.sidecar.admin_port, IDLE))
        async with scraping(binary, tmp_path, targets) as prometheus:
            await prometheus.scraped(2, len(targets))
            metrics = await busy.metrics()
            said = [
                sum(metrics[f"{gauge}{{openai,{model}}}"] for model in ("one", "other"))
                for gauge in GAUGES
            ]
            assert said == [6, 2], "two in flight and one waiting, twice"

            assert [rule["name"]["as"] for rule in rules] == GAUGES
            for rule, value in zip(rules, said, strict=True):
                found = await prometheus.query(rule["seriesQuery"])
                assert len(found) == len(targets), "the adapter offers it for every pod"
                pods = f'namespace="shop",pod=~"{BUSY["pod"]}|{IDLE["pod"]}"'
                answer = await prometheus.query(asked(rule, pods))
                assert {each.labels["pod"]: each.value for each in answer} == {
                    BUSY["pod"]: value,
                    IDLE["pod"]: 0,
                }

            for query, value in zip(queries, said, strict=True):
                assert [each.value for each in await prometheus.query(query)] == [value]
            for query in (stateful, cut):
                assert [each.value for each in await prometheus.query(query)] == [6]
            assert await prometheus.query(of_nobody) == [], "unknown is not 0"


@pytest.mark.parametrize(
    ("interval", "at", "expected"),
    [("15s", "44s", 5), ("15s", "65s", None), ("60s", "119s", 5), ("60s", "185s", None)],
)
def test_one_missed_scrape_is_bridged_and_a_pod_that_has_gone_is_forgotten(
    helm3: Path, tmp_path: Path, interval: str, at: str, expected: int | None
) -> None:
    """Two scrapes, then none."""
    promtool = tool("promtool")
    series = 'namespace="shop",pod="web-6c5b9d7f4-x2x4z"'
    values = {"prometheusAdapter": {"rulesConfigMap": {"enabled": True}}}
    (config_map,) = rendered(helm3, "ConfigMap", podMonitor={"interval": interval}, **values)
    rule = yaml.safe_load(config_map["data"]["config.yaml"])["rules"][0]
    samples = [{"labels": '{pod="web-6c5b9d7f4-x2x4z"}', "value": expected}]
    case: dict[str, Any] = {
        "evaluation_interval": "1s",
        "tests": [
            {
                "interval": interval,
                "input_series": [
                    {"series": f"ai_api_admissible_demand{{{series}}}", "values": "5 5"},
                    {"series": f"ai_api_build_info{{{series}}}", "values": "1 1"},
                ],
                "promql_expr_test": [
                    {
                        "expr": asked(rule, 'namespace="shop"'),
                        "eval_time": at,
                        "exp_samples": [] if expected is None else samples,
                    }
                ],
            }
        ],
    }
    (tmp_path / "case.yaml").write_text(yaml.safe_dump(case), "utf-8")

    result = run(promtool, "test", "rules", tmp_path / "case.yaml")

    assert result.returncode == 0, result.stdout + result.stderr
