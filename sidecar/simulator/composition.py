"""What a request gets for an answer: how many words, which ones, and when they are due."""

from dataclasses import dataclass, replace

from sidecar.simulator.directive import Directive
from sidecar.simulator.protocol.ask import Answer, Ask
from sidecar.simulator.protocol.prefix import UNCACHED, CacheUse
from sidecar.simulator.protocol.text import words
from sidecar.simulator.reception import Stay
from sidecar.simulator.stamps import Stamps


@dataclass(frozen=True, slots=True)
class Times:
    """When the parts of an answer are due, in seconds."""

    began: float
    """Loop seconds when service began."""
    ttft: float
    """From then to the first token."""
    total: float
    """From then to the end; at least `ttft`."""

    def made(self, planned: int, now: float) -> int:
        """How many of so many words there are now."""
        since = now - self.began - self.ttft
        if since < 0:
            return 0
        gap = (self.total - self.ttft) / max(1, planned - 1)
        return planned if gap <= 0 else min(planned, 1 + int(since / gap))


def compose(
    ask: Ask, stay: Stay, directive: Directive, stamps: Stamps, *, cache: CacheUse = UNCACHED
) -> tuple[Answer, Times]:
    """The answer to what runs now, and its times."""
    wanted = stay.service.output_tokens if directive.tokens is None else directive.tokens
    count = wanted if ask.max_tokens is None else min(wanted, ask.max_tokens)
    thoughts = min(directive.reasoning, count)
    flaw = None if ask.embeddings is None else ask.embeddings.flaw
    made = replace(
        answer(ask, stamps, count=count - thoughts, wanted=wanted - thoughts),
        reasoning=thoughts,
        cache=cache if directive.cached is None else _read(ask, directive.cached),
        usage_flaw=directive.usage,
        vectors_flaw=directive.vectors or flaw,
    )
    return made, _times(stay, count, directive)


def answer(ask: Ask, stamps: Stamps, *, count: int = 0, wanted: int = 0) -> Answer:
    """An answer of `count` words, cut where the provider had more to say."""
    return Answer(
        id=stamps.new_id(ask.prompt.seed),
        created=int(stamps.wall().timestamp()),
        words=words(ask.prompt.seed, count),
        cut=count < wanted,
    )


def _read(ask: Ask, tokens: int) -> CacheUse:
    return CacheUse(read=min(tokens, ask.prompt.tokens))


def _times(stay: Stay, count: int, directive: Directive) -> Times:
    """When the answer is due: its length changes the time after the first token in proportion."""
    service = stay.service
    ttft = service.ttft if directive.ttft is None else directive.ttft
    rest = (service.total - service.ttft) * count / service.output_tokens
    total = ttft + rest if directive.total is None else directive.total
    return Times(stay.began, ttft, max(ttft, total))
