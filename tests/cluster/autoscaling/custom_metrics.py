"""The custom metrics API, as prometheus-adapter serves it with the chart's rules.

The autoscaler asks for a metric of the pods that a selector matches; a rule's query, put to
Prometheus, answers. What is left out is the discovery of series: a rule is found by its name.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from sidecar.clock import LoopClock
from tests.cluster.api import Api, Object

GROUP, VERSION = "custom.metrics.k8s.io", "v1beta2"

_ROOT = f"/apis/{GROUP}/{VERSION}"


class Rules:
    """The `config.yaml` of prometheus-adapter."""

    def __init__(self, config: str) -> None:
        self._rules: Mapping[str, Object] = {
            rule["name"]["as"]: rule for rule in yaml.safe_load(config)["rules"]
        }

    @property
    def metrics(self) -> Sequence[str]:
        """Names of what they serve."""
        return list(self._rules)

    def query(self, metric: str, namespace: str, pods: Sequence[str]) -> str:
        """PromQL for a metric of these pods, as the adapter's documentation has it."""
        rule = self._rules[metric]
        overrides = rule["resources"]["overrides"]
        labels = {kind["resource"]: label for label, kind in overrides.items()}
        series = re.match(r"\w+", rule["seriesQuery"])
        assert series
        among = "|".join(pods)
        values = {
            "Series": series[0],
            "LabelMatchers": f'{labels["namespace"]}="{namespace}",{labels["pod"]}=~"{among}"',
            "GroupBy": labels["pod"],
        }
        return re.sub(r"<<\.(\w+)>>", lambda it: values[it[1]], rule["metricsQuery"])


class CustomMetrics:
    """Its handlers."""

    def __init__(
        self, api: Api, rules: Rules, prometheus: str, session: aiohttp.ClientSession
    ) -> None:
        self._api = api
        self._rules = rules
        self._prometheus = prometheus
        self._session = session
        self._clock = LoopClock(asyncio.get_running_loop())

    def app(self) -> web.Application:
        """The server."""
        app = web.Application()
        app.router.add_get(_ROOT, self._discover)
        app.router.add_get(f"{_ROOT}/namespaces/{{namespace}}/pods/*/{{metric}}", self._metric)
        return app

    async def _discover(self, request: web.Request) -> web.Response:
        resources = [
            {
                "name": f"pods/{metric}",
                "singularName": "",
                "namespaced": True,
                "kind": "MetricValueList",
                "verbs": ["get"],
            }
            for metric in self._rules.metrics
        ]
        return web.json_response(
            {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": f"{GROUP}/{VERSION}",
                "resources": resources,
            }
        )

    async def _metric(self, request: web.Request) -> web.Response:
        namespace, metric = request.match_info["namespace"], request.match_info["metric"]
        pods = await asyncio.to_thread(
            self._api.list, "Pod", namespace, labelSelector=request.query["labelSelector"]
        )
        names = [pod["metadata"]["name"] for pod in pods]
        samples = await self._ask(self._rules.query(metric, namespace, names))
        items = [
            {
                "describedObject": {
                    "kind": "Pod",
                    "apiVersion": "/v1",
                    "namespace": namespace,
                    "name": sample["metric"]["pod"],
                },
                "metric": {"name": metric, "selector": None},
                "timestamp": f"{self._clock.wall():%Y-%m-%dT%H:%M:%SZ}",
                "value": sample["value"][1],
            }
            for sample in samples
        ]
        return web.json_response(
            {
                "kind": "MetricValueList",
                "apiVersion": f"{GROUP}/{VERSION}",
                "metadata": {},
                "items": items,
            }
        )

    async def _ask(self, query: str) -> list[dict[str, Any]]:
        async with self._session.get(
            f"{self._prometheus}/api/v1/query", params={"query": query}
        ) as response:
            answer = await response.json()
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])


@asynccontextmanager
async def serving(app: web.Application, tls: ssl.SSLContext) -> AsyncIterator[int]:
    """Serve; gives the port."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        assert runner.addresses
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
