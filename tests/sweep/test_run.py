"""The sweep as its user runs it: a table, a document, a picture, an exit code."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from aiohttp.web import BaseRequest, Response, StreamResponse

from sidecar.errors import ConnectError, SidecarError, UpstreamError, UpstreamTimeoutError
from sidecar.simulator.scenario import Scenario
from sidecar.sweep.run import _on_ctrl_c, run_sweep
from tests.integration.process import PATIENCE, ROOT
from tests.simulator.providing import QUICK, Running, running, slots
from tests.support import serving, settle
from tests.sweep.ordering import ordered

SHORT = ("--seconds", "0.3", "--requests", "50")
TWELVE = Scenario(title="twelve", service=QUICK, capacity=slots(12))


@asynccontextmanager
async def sweeping(
    *arguments: str, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A sweep as a process of its own; killed if it is left alive."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sidecar", "sweep", *arguments),
        env=environment,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.communicate()


async def ended(child: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    """Exit code, stdout and what is left of stderr."""
    async with asyncio.timeout(PATIENCE):
        out, err = await child.communicate()
    return child.returncode, out.decode(), err.decode()


async def swept(provider: Running, *arguments: str) -> tuple[int | None, str, str]:
    async with sweeping(provider.url, "--model", "sim", *SHORT, *arguments) as child:
        return await ended(child)


@pytest.mark.slow
async def test_the_capacity_is_found_and_shown_in_a_table_and_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "curve.svg"
    async with running(TWELVE) as provider:
        slow = ("--header", "x-simulate: ok; ttft=0.05; total=0.05")
        code, out, err = await swept(provider, "--max", "40", "--svg", str(picture), *slow)

    assert code == 0, err
    (best,) = [line.split() for line in out.splitlines() if "<- best" in line]
    assert 8 <= int(best[0]) <= 12, out
    assert f"Best: {best[0]} at once" in out
    assert "too many: 429 x " in out
    assert err.splitlines()[0].startswith(f"{provider.url}/v1/chat/completions  At most ")
    assert err.splitlines()[1].startswith("    1 at once  ")
    assert Xml.parse(picture).getroot().tag.endswith("svg")  # noqa: S314  # our own


@pytest.mark.slow
async def test_json_alone_is_on_stdout() -> None:
    async with running(TWELVE) as provider:
        code, out, err = await swept(provider, "--json", "--stream", "--max", "4", "--levels", "3")

    document = json.loads(out)
    assert code == 0, err
    assert document["url"] == f"{provider.url}/v1/chat/completions"
    assert document["interrupted"] is False
    assert [level["concurrency"] for level in document["levels"]] == [1, 2, 4]
    assert document["levels"][0]["total_seconds"]["p50"] > 0.003


@pytest.mark.slow
async def test_ctrl_c_ends_it_with_the_levels_so_far(tmp_path: Path) -> None:
    picture, second, connections = tmp_path / "curve.svg", asyncio.Event(), set()

    async def answer(request: BaseRequest) -> StreamResponse:
        """The first connection's requests; a second connection is the second level's."""
        connections.add(request.transport)
        if len(connections) > 1:
            second.set()
            await asyncio.Event().wait()
        return Response(body=b"{}")

    async with serving(answer) as port:
        arguments = ("--model", "m", "--requests", "5", "--seconds", "0.1", "--json")
        url = f"http://127.0.0.1:{port}"
        async with sweeping(url, *arguments, "--svg", str(picture)) as child:
            async with asyncio.timeout(PATIENCE):
                await second.wait()
            child.send_signal(signal.SIGINT)
            code, out, err = await ended(child)

    document = json.loads(out)
    assert code == 0
    assert err.endswith("\nInterrupted: the search was not at its end.\n")
    assert document["interrupted"] is True
    assert [level["concurrency"] for level in document["levels"]] == [1]
    assert picture.exists()


@pytest.mark.slow
async def test_ctrl_c_before_the_first_level_has_ended_is_exit_1() -> None:
    async with running(TWELVE) as provider:
        url = (provider.url, "--model", "sim", "--header", "x-simulate: hang")
        async with sweeping(*url) as child:
            assert child.stderr
            await child.stderr.readline()
            await provider.until(lambda model: bool(model["in_flight"]))
            child.send_signal(signal.SIGINT)
            code, out, err = await ended(child)

    assert (code, out) == (1, "")
    assert err == "Interrupted before the first level was measured.\n"


async def test_a_second_ctrl_c_ends_the_process_at_once() -> None:
    before, stops = signal.getsignal(signal.SIGINT), []

    with _on_ctrl_c(lambda: stops.append(1)):
        signal.raise_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            while not stops:  # a signal comes through the loop's own socket
                await settle()

        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
async def test_wrong_arguments_are_exit_2_and_nothing_is_sent(tmp_path: Path) -> None:
    async with running(TWELVE) as provider:
        code, out, err = await swept(
            provider, "--min", "9", "--max", "2", "--svg", str(tmp_path / "no" / "x.svg")
        )

        assert provider.provider.state()["models"] == {}
    assert (code, out) == (2, "")
    assert [line.split(" ")[0] for line in err.splitlines()] == ["--min", "--svg"]


@pytest.mark.slow
async def test_a_key_is_sent_and_never_shown() -> None:
    async with running(TWELVE) as provider:
        url = (provider.url, "--model", "sim", "--header", "x-simulate: 401")
        async with sweeping(*url, OPENAI_API_KEY="sk-secret") as child:
            code, out, err = await ended(child)

    assert (code, out) == (1, "")
    assert err.splitlines()[1:] == [
        f"{provider.url}/v1/chat/completions: the first request was answered 401:"
        " the key is missing or wrong (it was read from OPENAI_API_KEY)"
    ]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("400", "another --endpoint, or a --body of your own"),
        ("403", "the key may not do this"),
        ("404", "no such path or no such model"),
        ("413", "too large"),
        ("422", "another --endpoint"),
    ],
)
async def test_what_no_lower_concurrency_would_change_ends_it_after_one_request(
    status: str, told: str
) -> None:
    async with running(TWELVE) as provider:
        with pytest.raises(UpstreamError) as raised:
            await run_sweep(
                ordered("--header", f"x-simulate: {status}", url=provider.url), json=False
            )

        assert provider.model()["injected"] == {status: 1}
    assert f"the first request was answered {status}: " in str(raised.value)
    assert told in str(raised.value)


async def test_nobody_there_is_told_with_the_reason(unused_tcp_port: int) -> None:
    with pytest.raises(ConnectError, match=str(unused_tcp_port)):
        await run_sweep(ordered(url=f"http://127.0.0.1:{unused_tcp_port}"), json=False)


async def test_no_answer_in_time_is_told() -> None:
    async with running(TWELVE) as provider:
        hang = ordered("--header", "x-simulate: hang", "--timeout", "0.2", url=provider.url)
        with pytest.raises(UpstreamTimeoutError, match=r"no answer within 0\.2 s"):
            await run_sweep(hang, json=False)


async def test_a_provider_that_refuses_everything_is_exit_1_with_the_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ("--header", "x-simulate: 503", "--requests", "3", "--seconds", "0.1")
    async with running(TWELVE) as provider:
        code = await run_sweep(ordered(*arguments, url=provider.url), json=False)

    out = capsys.readouterr().out
    assert code == 1
    assert "too many: 503 x " in out
    assert "No level keeps the targets, not even 1 at once: no answer, 100.0% errors." in out


async def test_a_picture_that_cannot_be_written_any_more_comes_after_the_table(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    picture = tmp_path / "curve.svg"
    async with running(TWELVE) as provider:
        asked = ordered(*SHORT, "--max", "1", "--svg", str(picture), url=provider.url)
        picture.mkdir()
        with pytest.raises(SidecarError, match="cannot be written"):
            await run_sweep(asked, json=False)

    assert "Best: 1 at once" in capsys.readouterr().out
