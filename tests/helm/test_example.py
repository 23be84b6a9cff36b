"""The worked example of the README, `helm/example`: its app runs, and is under the sidecar by its environment alone."""

import importlib.util
from pathlib import Path
from types import ModuleType

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from sidecar.simulator.server import SimulatedProvider
from tests.integration.rig import rig
from tests.integration.sdks import SAME_ALWAYS, base

APP = Path(__file__).parent.parent.parent / "helm" / "example" / "app.py"


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("example_app", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_example_calls_through_the_sidecar(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = SimulatedProvider(SAME_ALWAYS)
    url = f"http://127.0.0.1:{await provider.start()}/openai"
    async with rig(upstream_urls=f"openai={url}") as it:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{base(it)}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        example = _module()
        server = TestServer(example.make_app())
        await server.start_server()
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(server.make_url("/"), data="A long story, cut short.") as answer,
            ):
                said = await answer.text()
        finally:
            await server.app[example.llm].close()
            await server.close()
            await provider.stop()
        await it.at_rest()
        statuses = await it.statuses()

    assert answer.status == 200
    assert said
    assert statuses == {f"openai,{example.MODEL},ok": 1}
