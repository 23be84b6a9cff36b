"""What in a request says that its beginning will come again."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.sharing.prompt_prefix import (
    MINUTES,
    MOST,
    PromptPrefix,
    may_have_prefix,
    prompt_prefixes,
)

SCOPE = (b"anthropic", b"m", b"caller")
MARK = {"type": "ephemeral"}
TOOL = {"name": "look", "input_schema": {"type": "object"}}
HOUR = 3600.0


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def marked(words: str, **mark: Any) -> dict[str, Any]:
    return text(words, cache_control=MARK | mark)


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def found(
    document: Any, *, scope: tuple[bytes, ...] = SCOPE, salt: bytes = b"salt"
) -> tuple[PromptPrefix, ...]:
    return prompt_prefixes(json.dumps(document).encode(), scope=scope, salt=salt)


def keys(document: Any, **options: Any) -> list[bytes]:
    return [prefix.key for prefix in found(document, **options)]


LONG: dict[str, Any] = {
    "model": "m",
    "tools": [TOOL, {**TOOL, "name": "find", "cache_control": MARK}],
    "system": [text("You are"), marked("a judge", ttl="1h")],
    "messages": [user(marked("first"), text("then")), user(marked("last"))],
}


class TestMarks:
    """`cache_control` on blocks, and its relatives."""

    def test_every_mark_ends_a_prefix_and_the_longest_is_first(self) -> None:
        without_last = deepcopy(LONG)
        del without_last["messages"][1]["content"][0]["cache_control"]

        assert len(keys(LONG)) == 4
        assert keys(without_last) == keys(LONG)[1:]
        assert [prefix.life for prefix in found(LONG)] == [MINUTES, MINUTES, HOUR, MINUTES]

    @pytest.mark.parametrize(
        ("place", "kept"),
        [
            (("messages", 1, "content", 0, "text"), 3),
            (("messages", 1, "role"), 3),
            (("messages", 0, "content", 1, "text"), 3),
            (("messages", 0, "content", 0, "text"), 2),
            (("system", 0, "text"), 1),
            (("tools", 1, "name"), 0),
            (("tools", 0, "name"), 0),
        ],
    )
    def test_only_what_stands_before_a_mark_counts(self, place: tuple[Any, ...], kept: int) -> None:
        changed: Any = deepcopy(LONG)
        at = changed
        for step in place[:-1]:
            at = at[step]
        at[place[-1]] = "other"

        assert keys(changed)[4 - kept :] == keys(LONG)[4 - kept :]
        assert not set(keys(changed)[: 4 - kept]) & set(keys(LONG))

    def test_what_stands_behind_the_last_mark_changes_nothing(self) -> None:
        longer = deepcopy(LONG)
        longer["messages"].append(user(text("and now?")))
        longer["max_tokens"] = 7

        assert keys(longer) == keys(LONG)

    def test_marks_are_no_part_of_the_prompt(self) -> None:
        """A conversation's next request moves its mark on, and still begins as the last one."""
        one = {"messages": [user(text("a"), marked("b"))]}
        next_one = {"messages": [user(marked("a"), marked("b", ttl="1h"), marked("c"))]}

        assert keys(one)[0] == keys(next_one)[1]
        assert [prefix.life for prefix in found(next_one)] == [MINUTES, HOUR, MINUTES]

    def test_a_text_alone_is_a_list_of_one_block(self) -> None:
        plain = {"system": "Be", "messages": [{"role": "user", "content": "a"}, user(marked("b"))]}
        listed = {"system": [text("Be")], "messages": [user(text("a")), user(marked("b"))]}

        assert keys(plain) == keys(listed)
        assert len(keys(plain)) == 1

    def test_a_mark_on_the_request_is_one_on_its_last_block(self) -> None:
        automatic = {"cache_control": {**MARK, "ttl": "1h"}, "messages": [user(text("a"))]}
        by_hand = {"messages": [user(marked("a"))]}

        assert keys(automatic) == keys(by_hand)
        assert found(automatic)[0].life == HOUR

    def test_two_marks_in_one_place_are_one_prefix_with_the_longer_life(self) -> None:
        both = {"cache_control": MARK, "messages": [user(marked("a", ttl="1h"))]}

        assert [prefix.life for prefix in found(both)] == [HOUR]

    def test_of_too_many_marks_the_last_ones_count(self) -> None:
        words = [marked(str(number)) for number in range(7)]
        last = [*map(text, "012"), *words[3:]]

        assert len(keys({"messages": [user(*words)]})) == MOST
        assert keys({"messages": [user(*words)]}) == keys({"messages": [user(*last)]})

    def test_bedrock_marks_with_blocks_that_are_nothing_else(self) -> None:
        point = {"cachePoint": {"type": "default"}}
        converse = {
            "toolConfig": {"tools": [{"toolSpec": TOOL}, point]},
            "system": [{"text": "Be"}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
            "messages": [user({"text": "a"}, point, {"text": "b"})],
        }
        shorter = {**converse, "messages": [user({"text": "a"})]}

        assert [prefix.life for prefix in found(converse)] == [MINUTES, HOUR, MINUTES]
        assert keys(shorter) == keys(converse)[1:]

    def test_openai_marks_content_parts(self) -> None:
        part = text("a", prompt_cache_breakpoint={"mode": "explicit"})
        chat = {"messages": [user(part, text("b"))]}
        response = {"instructions": "Be", "input": [user(part)]}

        assert [prefix.life for prefix in found(chat)] == [1800.0]
        assert len(keys(response)) == 1

    @pytest.mark.parametrize("mark", [None, "ephemeral", True, 1, []])
    def test_what_is_no_object_is_no_mark(self, mark: object) -> None:
        assert not found({"cache_control": mark, "system": [text("a", cache_control=mark)]})


class TestKey:
    """`prompt_cache_key`."""

    def test_it_says_alone_what_begins_alike(self) -> None:
        one = {"prompt_cache_key": "k", "messages": [user("a")]}
        other = {"prompt_cache_key": "k", "input": "something else"}

        assert keys(one) == keys(other)
        assert found(one)[0].life == MINUTES
        assert keys(one) != keys({**one, "prompt_cache_key": "l"})

    def test_a_life_that_the_request_asks_for_counts(self) -> None:
        asked = {"prompt_cache_key": "k", "prompt_cache_options": {"ttl": "30m"}}

        assert [prefix.life for prefix in found(asked)] == [1800.0]

    def test_it_is_shorter_than_what_is_marked(self) -> None:
        both = {"prompt_cache_key": "k", "messages": [user(marked("a"))]}

        assert keys(both) == keys({"messages": both["messages"]}) + keys({"prompt_cache_key": "k"})

    @pytest.mark.parametrize("key", [None, "", 1, ["k"]])
    def test_what_is_no_text_is_no_key(self, key: object) -> None:
        assert not found({"prompt_cache_key": key})


@pytest.mark.parametrize("part", [0, 1, 2])
def test_keys_differ_from_scope_to_scope(part: int) -> None:
    scope = tuple(b"other" if number == part else name for number, name in enumerate(SCOPE))
    both = {**LONG, "prompt_cache_key": "k"}

    assert not set(keys(both)) & set(keys(both, scope=scope))
    assert keys(both, scope=(b"ab", b"c")) != keys(both, scope=(b"a", b"bc"))


def test_keys_mean_nothing_under_another_salt() -> None:
    assert not set(keys(LONG)) & set(keys(LONG, salt=b"other"))


def test_most_bodies_are_not_even_parsed() -> None:
    assert not may_have_prefix(b'{"model":"m","messages":[{"role":"user","content":"hi"}]}')
    assert not may_have_prefix(rb'{"messages":[{"content":"say \"cache_control\" twice"}]}')
    assert may_have_prefix(json.dumps(LONG).encode())
    assert may_have_prefix(b'{"prompt_cache_key":"k"}')
    assert may_have_prefix(b'{"system":[{"cachePoint":{}}]}')


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"cache_control"',
        b'{"messages":[{"content":"cache_control"}]}',
        b'{"cache_control":{},"messages":' + b"[" * 600 + b"]" * 600 + b"}",
        b'{"messages":7,"system":false,"tools":{"cache_control":1},"toolConfig":[]}',
    ],
)
def test_what_makes_no_sense_has_no_prefix(body: bytes) -> None:
    assert prompt_prefixes(body, scope=SCOPE, salt=b"") == ()


unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""However busy the machine is."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["content", "role", "cache_control", "cachePoint", "ttl", "text", "tools", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=20,
)


@unhurried
@given(
    st.dictionaries(
        st.sampled_from(["messages", "system", "tools", "input", "cache_control"]), JSON
    )
)
def test_nothing_that_an_app_may_write_is_an_error(document: dict[str, Any]) -> None:
    prefixes = found(document)

    assert len(prefixes) == len({prefix.key for prefix in prefixes}) <= MOST
    assert prefixes == found(document)
