"""Fleets under load, and Kubernetes' autoscaler over them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from tests.cluster.api import Api
from tests.cluster.autoscaling.callers import Callers
from tests.cluster.autoscaling.custom_metrics import CustomMetrics, Rules, serving
from tests.cluster.autoscaling.fleet import WORKLOAD, Fleet
from tests.cluster.autoscaling.kubelet import Kubelet, running_kubelet
from tests.cluster.autoscaling.prometheus import INTERVAL, Targets, prometheus
from tests.cluster.autoscaling.provider import provider
from tests.cluster.autoscaling.registration import Identity, registered
from tests.cluster.control_plane import ControlPlane
from tests.cluster.helm import Helm
from tests.cluster.polling import eventually

_RELEASE, _NAMESPACE = "autoscaling", "autoscaling-system"
_STARTS_WITHIN = 180.0
"""Seconds for all sidecars that the fleets begin with."""


@asynccontextmanager
async def autoscaled(
    fleets: Sequence[Fleet],
    *,
    plane: ControlPlane,
    api: Api,
    helm: Helm,
    prometheus_binary: Path,
    folder: Path,
) -> AsyncIterator[None]:
    """Until the end: pods, callers and the chart's autoscalers, in this order."""
    async with AsyncExitStack() as stack:
        targets = Targets(folder / "targets.json")
        metrics_url = stack.enter_context(prometheus(prometheus_binary, folder, targets))
        provider_port = stack.enter_context(provider(folder))
        kubelet = stack.enter_context(
            running_kubelet(plane, folder, provider_port=provider_port, targets=targets)
        )
        for name in (_NAMESPACE, *(fleet.name for fleet in fleets)):
            api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            stack.callback(api.delete, "Namespace", name)
        for fleet in fleets:
            api.wait_for("ServiceAccount", "default", fleet.name)
            api.create(fleet.workload, fleet.name)
            stack.callback(api.delete, "Deployment", WORKLOAD, fleet.name)
        await asyncio.to_thread(_wait_for_pods, kubelet, fleets)

        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        await stack.enter_async_context(_calling(session, kubelet, fleets))
        await asyncio.to_thread(helm.install, _RELEASE, _NAMESPACE, _values(fleets))
        stack.callback(helm.uninstall, _RELEASE, _NAMESPACE)
        rules = api.get("ConfigMap", f"{_RELEASE}-llm-sidecar-prometheus-adapter", _NAMESPACE)
        metrics = CustomMetrics(api, Rules(rules["data"]["config.yaml"]), metrics_url, session)
        identity = Identity()
        port = await stack.enter_async_context(serving(metrics.app(), identity.tls))
        stack.enter_context(registered(api, identity, port))
        yield


def _values(fleets: Sequence[Fleet]) -> dict[str, object]:
    return {
        "injection": {"mode": "none"},
        "autoscaling": {"provider": "hpa", "targets": [fleet.target for fleet in fleets]},
        "prometheusAdapter": {"rulesConfigMap": {"enabled": True}},
        "podMonitor": {"interval": f"{INTERVAL}s"},
    }


def _wait_for_pods(kubelet: Kubelet, fleets: Sequence[Fleet]) -> None:
    def started() -> bool:
        return all(len(kubelet.places.get(fleet.name, ())) == fleet.start for fleet in fleets)

    eventually(started, "all pods that the fleets begin with", seconds=_STARTS_WITHIN)


@asynccontextmanager
async def _calling(
    session: aiohttp.ClientSession, kubelet: Kubelet, fleets: Sequence[Fleet]
) -> AsyncIterator[None]:
    """The callers of all fleets at work."""
    async with asyncio.TaskGroup() as group:
        tasks = []
        for fleet in fleets:
            callers = Callers(session, fleet.name, kubelet)
            tasks += [group.create_task(callers.call_for_ever()) for _ in range(fleet.calls)]
        yield
        for task in tasks:
            task.cancel()
