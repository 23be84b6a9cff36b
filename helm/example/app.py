"""Sums up what is posted to it: an app of a few lines that calls an LLM and knows of no limit."""

from aiohttp import web
from openai import AsyncOpenAI

MODEL = "gpt-4o-mini"
llm = web.AppKey("llm", AsyncOpenAI)


async def summary(request: web.Request) -> web.Response:
    """Answers a text with one sentence."""
    answer = await request.app[llm].chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "system", "content": "Sum up in one sentence."},
            {"role": "user", "content": await request.text()},
        ],
    )
    return web.Response(text=answer.choices[0].message.content)


def make_app() -> web.Application:
    """The SDK reads base URL and key from the environment."""
    app = web.Application()
    app[llm] = AsyncOpenAI(timeout=120)
    app.router.add_post("/", summary)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), port=8080, shutdown_timeout=130)  # as long as an answer may take
