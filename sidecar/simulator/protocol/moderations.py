"""OpenAI's moderations: what is wrong with texts; nothing ever is, and nothing is billed."""

import orjson

from sidecar.simulator.protocol.ask import Answer, Ask, Body, model_of, required
from sidecar.simulator.protocol.text import prompt

_MODEL = "omni-moderation-latest"
_CATEGORIES = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")


def read_moderation(body: Body, path_model: str | None) -> Ask:
    """A request with one text, several of them, or the parts of one content."""
    given = required(body, "input", (str, list))
    several = isinstance(given, list) and all(isinstance(item, str) for item in given)
    return Ask(
        model=model_of(body, path_model or _MODEL),
        prompt=prompt(given),
        max_tokens=0,
        items=[orjson.dumps(item) for item in (given if several else [given])],
        charged=False,
    )


def whole_moderation(ask: Ask, answer: Answer) -> bytes:
    """One verdict per text."""
    result = {
        "flagged": False,
        "categories": dict.fromkeys(_CATEGORIES, False),
        "category_scores": dict.fromkeys(_CATEGORIES, 0.0),
    }
    document = {"id": f"modr-{answer.id}", "model": ask.model, "results": [result] * len(ask.items)}
    return orjson.dumps(document)
