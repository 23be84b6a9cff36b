"""Faults that other gateways, SDKs and servers had, and the tests that show that this one has not.

Some are shown by tests that were here anyway; the rest is in `test_known_faults_*.py`.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

HERE = "integration/test_known_faults_{}.py"
PLACES, CANCELS, RETRIES, RATES, MEMORY = map(
    HERE.format, ("places", "cancels", "retries", "rates", "memory")
)
LEAVES = "integration/test_client_leaves.py"
ABANDONED = "integration/test_upload_abandoned.py"

FAULTS: dict[str, dict[str, tuple[str, ...]]] = {
    "BerriAI/litellm #20256: after a timeout the count of calls in flight never went down": {
        PLACES: (
            "test_a_place_is_given_back_after_the_provider_timed_out",
            "test_a_place_is_given_back_after_connecting_timed_out",
        ),
    },
    "BerriAI/litellm #27955, PR #30020: a stream that is cancelled loses its place": {
        PLACES: ("test_streams_given_up_one_after_the_other_never_fill_the_places",),
    },
    "BerriAI/litellm PR #28160: a cancel within the clean-up loses the place": {
        PLACES: ("test_a_second_cancel_in_the_middle_of_cleaning_up_loses_no_place",),
        "admission/test_limiter_races.py": (),
    },
    "BerriAI/litellm #27955, a comment: an answer out of the cache loses the place": {
        PLACES: ("test_an_answer_without_a_call_holds_no_place",),
    },
    "BerriAI/litellm #40846: the place is held until the logging is done": {
        PLACES: ("test_the_place_is_free_before_anybody_is_told",),
    },
    "BerriAI/litellm #39309: what is refused for its concurrency uses up a request a minute": {
        RATES: ("test_what_was_never_sent_uses_nothing_of_a_ceiling",),
    },
    "BerriAI/litellm #16011: nobody says that a limit is kept by each worker for itself": {
        "integration/test_known_faults.py": ("test_the_readme_says_whose_the_limit_is",),
    },
    "BerriAI/litellm #1477: a malformed request loses the place": {
        PLACES: ("test_a_malformed_request_holds_no_place",),
    },
    "BerriAI/litellm #13774, #17364, PR #30223, #31499, #37140: calls go on without their app": {
        LEAVES: (
            "test_before_the_first_byte",
            "test_between_head_and_body",
            "test_in_mid_stream",
            "test_while_it_does_not_read",
            "test_while_the_connection_to_the_provider_is_being_made",
            "test_while_queued",
        ),
        CANCELS: (
            "test_who_leaves_while_a_retry_waits_is_not_called_for_again",
            "test_who_leaves_while_waiting_for_a_ceiling_is_never_called_for",
        ),
    },
    "BerriAI/litellm PR #25776: an app that leaves counts as a failure of the provider": {
        CANCELS: ("test_apps_that_leave_are_no_failure_of_the_provider",),
    },
    "BerriAI/litellm #12685, #27954, #38193, #15128, #13805, #6404, PR #2462: memory grows": {
        MEMORY: ("test_two_thousand_requests_of_all_endings_leave_nothing_in_memory",),
    },
    "BerriAI/litellm #7669: a 429 is tried again at once": {
        RETRIES: ("test_a_retry_waits_as_long_as_the_provider_says",),
    },
    "BerriAI/litellm PR #25285, #2620, HKUDS/nanobot #2760, code_puppy #317: retries multiply": {
        RETRIES: (
            "test_the_retries_of_an_sdk_and_ours_do_not_multiply",
            "test_the_retries_of_anthropics_sdk_and_ours_do_not_multiply",
            "test_what_we_cannot_send_again_the_sdk_may",
        ),
        "integration/test_retries.py": ("test_the_sdks_retries_and_ours_are_three_together",),
    },
    "langchainjs #1929, openai-python #3507, codex #6340, inspect_ai #5340: no money, tried again": {
        RETRIES: (
            "test_a_used_up_quota_is_not_tried_again_by_anybody",
            "test_a_reached_spend_limit_of_anthropics_is_not_tried_again_by_anybody",
        ),
    },
    "openai-python #763, #769, #874, #971, #2688, mistralai #532, LiveBench #523: pools leak": {
        MEMORY: (
            "test_streaming_calls_that_fail_leave_no_connection_behind",
            "test_streams_that_nobody_reads_or_closes_hold_no_place",
        ),
    },
    "bolna #770: calls that are cancelled use up the streams of an HTTP/2 connection": {
        "integration/test_connections.py": (
            "test_the_provider_is_spoken_to_in_http11_whatever_the_app_speaks",
        ),
        "upstream/test_tls.py": (),
    },
    "kortix-ai/suna PR #6835: a refused upload is read on into memory": {
        MEMORY: (
            "test_a_refused_upload_takes_no_memory",
            "test_a_refused_upload_that_goes_on_is_cut_off",
        ),
    },
    "kortix-ai/suna PR #6835: an upload that breaks off strands what was reserved for it": {
        ABANDONED: ("test_while_the_body_is_uploading", "test_while_queued_with_a_large_body"),
    },
    "kortix-ai/suna PR #6835: a slow reader of a stream fills the memory": {
        "integration/test_streaming.py": ("test_a_slow_app_slows_the_provider",),
    },
    "kortix-ai/suna PR #6835: a silent provider holds a place for ever": {
        PLACES: ("test_a_place_is_given_back_after_the_provider_timed_out",),
    },
    "kortix-ai/suna PR #6835: a new version cuts off the streams of the old one": {
        "integration/test_life.py": ("test_a_stream_runs_to_its_end_while_it_drains",),
    },
    "agentgateway #3184: bodies are bounded one by one, not all together": {
        "integration/test_bad_requests.py": (
            "test_bodies_are_refused_unread_while_too_many_are_held",
        ),
    },
    "preloop PR #206: what takes a minute to its first token is cut off": {
        RATES: (
            "test_a_first_token_after_minutes_is_waited_for",
            "test_comments_keep_a_call_alive_for_as_long_as_they_come",
        ),
    },
    "preloop PR #206: what fails before its first chunk is in no metric": {
        RATES: ("test_what_fails_before_its_first_chunk_is_counted",),
    },
    "envoyproxy/ai-gateway #680: tokens are charged with the answer, and a burst passes": {
        RATES: ("test_a_burst_reserves_its_tokens_before_it_is_sent",),
    },
    "envoyproxy/ai-gateway #2394, #1754: nothing follows from a stream that uses too much": {
        RATES: ("test_a_stream_that_uses_more_than_it_reserved_is_not_cut_and_is_charged",),
    },
    "vllm #18826, #2901, #21271, production-stack #448: only latency tells of its queue": {
        "control/test_detector.py": (
            "test_a_queue_that_was_there_from_the_beginning_is_found",
            "test_a_sudden_rise_is_tested_with_a_cut",
        ),
    },
    "vllm PR #49445, #58192, production-stack #634, #749: its full queue is a 503": {
        RETRIES: ("test_a_full_queue_of_vllm_is_overload_and_tried_again",),
    },
    "BerriAI/litellm PR #12099, #11489: a metric has a label value for each name it is given": {
        MEMORY: ("test_a_thousand_models_make_fifty_one_label_values",),
    },
}
"""By fault: the files of tests, and which of them show it; of a file without names, all do."""


def _tests_in(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = (node.name for node in tree.body if isinstance(node, functions))
    return {name for name in names if name.startswith("test_")}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_shown_not_to_be_ours(fault: str) -> None:
    for file, names in FAULTS[fault].items():
        assert _tests_in(file) >= set(names)
        assert _tests_in(file)


@pytest.mark.parametrize("file", [PLACES, CANCELS, RETRIES, RATES, MEMORY])
def test_each_test_that_was_made_for_a_fault_is_named(file: str) -> None:
    named = {name for files in FAULTS.values() for name in files.get(file, ())}

    assert _tests_in(file) == named


def test_the_readme_says_whose_the_limit_is() -> None:
    """BerriAI/litellm #16011: it is multiplied by the number of pods, and an operator must know."""
    assert "The limit is per pod" in (TESTS.parent / "README.md").read_text()
