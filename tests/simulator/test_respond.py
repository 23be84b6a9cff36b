"""Errors around the answers: what was asked for, what a full house says, and their hints."""

import orjson
import pytest

from sidecar.outcomes import RejectionKind
from sidecar.simulator.model import Rejected
from sidecar.simulator.plan import CapacityPlan, Outage
from sidecar.simulator.protocol.bedrock import BEDROCK
from sidecar.simulator.protocol.groq import GROQ
from sidecar.simulator.protocol.style import ANTHROPIC, OPENAI, Style
from sidecar.simulator.respond import rejection
from sidecar.simulator.scenario import Scenario
from tests.simulator.providing import QUICK, running


@pytest.mark.parametrize(
    ("speaker", "status"), [(OPENAI, 503), (ANTHROPIC, 529), (GROQ, 498), (BEDROCK, 503)]
)
def test_a_full_house_has_each_providers_own_status(speaker: Style, status: int) -> None:
    rejected = Rejected(RejectionKind.OVERLOAD, 503)

    assert rejection(speaker, rejected).status == status


@pytest.mark.parametrize("speaker", [OPENAI, ANTHROPIC])
def test_a_status_that_is_not_usual_is_kept(speaker: Style) -> None:
    assert rejection(speaker, Rejected(RejectionKind.OVERLOAD, 429)).status == 429


def test_without_a_kind_the_status_decides() -> None:
    assert rejection(OPENAI, Rejected(RejectionKind.TRANSIENT, 504)).message == "Gateway timeout."
    assert rejection(OPENAI, Rejected(RejectionKind.TRANSIENT, 599)).type == "server_error"


async def test_gemini_says_in_the_body_when_to_come_back() -> None:
    plan = CapacityPlan(outages=(Outage(start=0, end=1e9, retry_after=46),))
    body = {"contents": [{"parts": [{"text": "Hello"}]}]}
    async with running(Scenario(title="x", service=QUICK, capacity=plan)) as provider:
        status, headers, answer = await provider.post("/v1beta/models/g:generateContent", body)

    details = orjson.loads(answer)["error"]["details"]
    assert status == 429
    assert "retry-after" not in headers
    assert details[-1]["retryDelay"] == "46s"


async def test_bedrock_names_the_error_in_a_header() -> None:
    plan = CapacityPlan(outages=(Outage(start=0, end=1e9, retry_after=46),))
    body = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    async with running(Scenario(title="x", service=QUICK, capacity=plan)) as provider:
        status, headers, answer = await provider.post("/model/m/converse", body)

    assert status == 429
    assert headers["x-amzn-errortype"] == "ThrottlingException"
    assert "retry-after" not in headers
    assert list(orjson.loads(answer)) == ["message"]
