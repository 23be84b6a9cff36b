"""The image at work: user 65532, a root file system that nobody can write to."""

import asyncio
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.polling import eventually
from tests.image.building import Image
from tests.image.running import Contained, entry_point, run, running
from tests.integration.process import PATIENCE
from tests.integration.wire import post

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MEBIBYTE = 1 << 20
IDLE = {"distroless": 60 * MEBIBYTE, "slim": 62 * MEBIBYTE}
ANY_PORT: dict[str, Any] = {"proxy_port": 0, "admin_port": 0, "admin_host": "127.0.0.1"}
CALL = b'{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}]}'
PRICES = "/genai_prices/data.pyc"
"""The largest module, loaded once something is to be priced."""
TRY_TO_WRITE = """
import os
print(os.getpid(), os.getuid(), os.getgid())
print(next(line for line in open("/proc/self/status") if line.startswith("CapEff")).split()[1])
for folder in ("/", "/tmp", "/opt/llm-sidecar", "/home", "/var", "/run"):
    try:
        open(folder + "/file", "w")
    except OSError as error:
        print(error.strerror)
"""


async def provider_port(provider: Contained) -> int:
    """Wait until the simulated provider says where it is."""
    said = re.search(r"http://127\.0\.0\.1:(\d+)", await provider.said())
    assert said is not None
    return int(said[1])


def test_the_root_file_system_is_read_only(image: Image) -> None:
    """What the other tests of this file rest on."""
    done = run(image, "python3", "-c", TRY_TO_WRITE)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "1 65532 65532",
        "0000000000000000",
        *["Read-only file system"] * 6,
    ]


async def test_a_call_goes_through_and_sigterm_ends_it(image: Image) -> None:
    loop = asyncio.get_running_loop()
    async with running(image, *entry_point(image, "provider", "--port", "0")) as provider:
        upstream = f"openai=http://127.0.0.1:{await provider_port(provider)}"
        began = loop.time()
        async with running(image, **ANY_PORT, upstream_urls=upstream) as sidecar:
            await sidecar.started()
            assert (await sidecar.admin("/readyz")).status == 200
            assert loop.time() - began < PATIENCE / 2
            assert sidecar.resident <= IDLE[image.base]

            answer = await sidecar.ask(post(CALL, path="/v1/chat/completions"))
            assert answer.status == 200, answer
            assert b'"chat.completion"' in answer.body
            metrics = await sidecar.admin("/metrics")
            assert b"ai_api_admissible_demand{" in metrics.body
            assert (await sidecar.admin("/")).status == 200

            sidecar.send(signal.SIGTERM)
            assert await sidecar.left() == (0, "")
        provider.send(signal.SIGTERM)
        assert await provider.left() == (0, "")


async def test_nothing_is_compiled_while_it_runs(image: Image, tmp_path: Path) -> None:
    """A module without bytecode is compiled at every start, and stops the event loop meanwhile."""
    said = tmp_path / "said"
    verbose = ("python3", "-v", "-m", "sidecar")
    async with running(image, *entry_point(image, "provider", "--port", "0")) as provider:
        upstream = f"openai=http://127.0.0.1:{await provider_port(provider)}"
        with said.open("wb") as errors:
            async with running(
                image, *verbose, errors=errors.fileno(), **ANY_PORT, upstream_urls=upstream
            ) as sidecar:
                await sidecar.started()
                assert (await sidecar.admin("/")).status == 200
                assert (await sidecar.ask(post(CALL, path="/v1/chat/completions"))).status == 200
                eventually(lambda: PRICES in said.read_text(), "the list of prices loaded")
    loaded = re.findall(r"^# code object from '?(/.*\.pyc?)\b", said.read_text(), re.MULTILINE)
    assert [name for name in loaded if name.endswith(".pyc")]
    assert not [name for name in loaded if name.endswith(".py")]


def test_settings_are_checked(image: Image) -> None:
    fine = run(image, *entry_point(image, "config", "--check"))
    assert (fine.returncode, fine.stdout, fine.stderr) == (0, "", "")


@pytest.mark.parametrize("command", ["injector", "provider", "demo", "sweep", "costs"])
def test_every_command_is_there(image: Image, command: str) -> None:
    done = run(image, *entry_point(image, command, "--help"))
    assert done.returncode == 0, done.stderr
    assert f"llm-sidecar {command}" in done.stdout


def test_the_demo_runs_without_the_libraries_that_the_image_leaves_out(image: Image) -> None:
    done = run(image, *entry_point(image, "demo", "--seconds", "2"))
    assert done.returncode == 0, done.stderr
