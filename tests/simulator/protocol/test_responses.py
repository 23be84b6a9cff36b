"""OpenAI's SDK accepts responses, whole and streamed."""

from openai import AsyncOpenAI

from tests.simulator.providing import MODEL


async def test_a_whole_response(openai: AsyncOpenAI) -> None:
    response = await openai.responses.create(model=MODEL, input="Hello there")

    assert response.status == "completed"
    assert len(response.output_text.split()) == 8
    assert response.usage
    assert (response.usage.output_tokens, response.usage.total_tokens) == (8, 11)


async def test_a_cut_response_is_incomplete(openai: AsyncOpenAI) -> None:
    response = await openai.responses.create(model=MODEL, input="Hello", max_output_tokens=2)

    assert response.status == "incomplete"
    assert response.incomplete_details
    assert response.incomplete_details.reason == "max_output_tokens"


async def test_a_streamed_response_says_the_same(openai: AsyncOpenAI) -> None:
    whole = await openai.responses.create(model=MODEL, input="Hello there")
    events = [
        event
        async for event in await openai.responses.create(
            model=MODEL, input="Hello there", stream=True
        )
    ]

    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    last = events[-1]
    assert "".join(deltas) == whole.output_text
    assert last.type == "response.completed"
    assert last.response.usage == whole.usage
    assert last.response.output_text == whole.output_text
    assert [event.sequence_number for event in events if hasattr(event, "sequence_number")] == [
        *range(len(events))
    ]


async def test_the_sdks_stream_helper_accumulates_it(openai: AsyncOpenAI) -> None:
    async with openai.responses.stream(
        model=MODEL, input=[{"role": "user", "content": "Hello there"}]
    ) as stream:
        response = await stream.get_final_response()

    assert len(response.output_text.split()) == 8
