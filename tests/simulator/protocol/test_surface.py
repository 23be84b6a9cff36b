"""Endpoints in another provider's manner."""

from sidecar.simulator.protocol import openai
from sidecar.simulator.protocol.framing import NAMED_EVENTS, PLAIN_EVENTS
from sidecar.simulator.protocol.style import AZURE, OPENAI
from sidecar.simulator.protocol.surface import Surface, spoken


def test_only_the_manner_changes() -> None:
    surface = Surface(OPENAI, openai.read_chat, openai.whole_chat, openai.stream_chat)

    same = spoken({"/x": surface}, AZURE)["/x"]
    other = spoken({"/x": surface}, AZURE, PLAIN_EVENTS)["/x"]

    assert (same.style, same.framing, same.read) == (AZURE, NAMED_EVENTS, surface.read)
    assert other.framing is PLAIN_EVENTS
