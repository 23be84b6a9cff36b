"""What is checked before a single request is sent."""

import resource
from pathlib import Path

import orjson
import pytest

from sidecar.errors import ConfigError
from sidecar.sweep.order import order
from tests.sweep.ordering import URL, ordered, parsed


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the machine's own."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def problems(*arguments: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        order(parsed(*arguments))
    return raised.value.problems


def test_an_order_has_everything_that_was_asked_for(tmp_path: Path) -> None:
    asked = ordered(
        *("--min", "2", "--max", "9", "--levels", "5", "--target-latency", "1.5"),
        *("--target-error-rate", "0", "--requests", "7", "--seconds", "3", "--warmup", "2"),
        *("--timeout", "8", "--svg", str(tmp_path / "curve.svg"), "--stream", "--max-tokens", "5"),
    )

    assert (asked.bounds.lowest, asked.bounds.highest, asked.bounds.levels) == (2, 9, 5)
    assert (asked.targets.latency, asked.targets.error_rate) == (1.5, 0.0)
    assert (asked.pace.requests, asked.pace.seconds, asked.pace.warmup) == (7, 3.0, 2)
    assert (asked.timeout, asked.svg) == (8.0, tmp_path / "curve.svg")
    assert (asked.call.streamed, asked.call.output_limit) == (True, 5)
    assert str(asked.call.url) == f"{URL}/chat/completions"
    assert not (tmp_path / "curve.svg").exists(), "it is only found out that it could be"


def test_everything_wrong_is_told_at_once_in_a_line_each(tmp_path: Path) -> None:
    told = problems(
        *("ftp://x", "--min", "5", "--max", "4", "--header", "nonsense", "--key-env", "NO_SUCH_KEY"),
        *("--svg", str(tmp_path / "nowhere" / "curve.svg")),
    )  # fmt: skip

    assert [line.split(":")[0].split(" ")[0] for line in told] == [
        "BASE_URL",
        "--header",
        "--key-env",
        "--model",
        "--min",
        "--svg",
    ]
    assert all("\n" not in line for line in told)


@pytest.mark.parametrize("url", ["", "x", "http://", "http:///v1", "http://[::1", "file:///x", "http://a..b", f"http://{'a' * 64}"])  # fmt: skip
def test_what_is_no_url_is_refused(url: str) -> None:
    assert problems(url, "--model", "m")[0].startswith("BASE_URL: must be http://")


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    (told,) = problems("http://me:hunter2@127.0.0.1/v1", "--model", "m")

    assert told.startswith("BASE_URL: ")
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--endpoint", "embeddings", "--model", "m", "--stream"), "--stream: "),
        (("--endpoint", "exact"), "--endpoint exact: needs --body"),
        ((), "--model: "),
        (("--model", "m", "--header", "a: b\nc: d"), "--header: must be NAME:VALUE"),
        (("--model", "m", "--header", ": b"), "--header: must be NAME:VALUE"),
        (("--model", "m", "--header", "a b: c"), "--header: must be NAME:VALUE"),
        (("--model", "\udcff"), "--model: is not UTF-8"),
        (("--model", "m", "--prompt", "\udcff"), "--prompt: is not UTF-8"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: tuple[str, ...], told: str) -> None:
    (problem,) = problems(URL, *arguments)

    assert problem.startswith(told)


def test_the_key_comes_from_the_environment_and_is_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-two")
    monkeypatch.setenv("MY_KEY", "sk-three\n")

    usual, messages, named = ordered(), ordered("--endpoint", "messages"), ordered("--key-env", "MY_KEY")  # fmt: skip

    assert usual.call.headers["Authorization"] == "Bearer sk-one"
    assert messages.call.headers["x-api-key"] == "sk-two"
    assert named.call.headers["Authorization"] == "Bearer sk-three"
    assert named.credentials == "read from MY_KEY"
    for asked in (usual, messages, named):
        assert "sk-" not in repr(asked) + asked.warning() + asked.credentials


def test_without_a_key_none_is_sent() -> None:
    asked = ordered()

    assert "Authorization" not in asked.call.headers
    assert asked.credentials == "not sent: OPENAI_API_KEY is not set"


@pytest.mark.parametrize("header", ["Authorization: Bearer mine", "api-key:mine"])
def test_credentials_in_a_header_replace_the_environments(
    monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one")

    asked = ordered("--header", header, "--header", "x-team: a:b")

    assert "sk-one" not in "".join(asked.call.headers.values())
    assert asked.call.headers["x-team"] == "a:b"
    assert asked.credentials == "sent by --header"


def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ö")

    (problem,) = problems(URL, "--model", "m")

    assert problem.startswith("OPENAI_API_KEY: ")
    assert "sk-" not in problem


def test_a_body_of_ones_own_is_sent_byte_for_byte(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_bytes(b'{ "model": "mine",  "n": 1.0, "stream": true, "max_tokens": 8 }\n')

    asked = order(parsed(URL, "--body", str(body)))

    assert asked.call.body == body.read_bytes()
    assert (asked.call.streamed, asked.call.output_limit) == (True, 8)


def test_a_model_and_streaming_are_put_into_it_if_they_are_asked_for(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_bytes(b'{"model":"mine","prompt":"{{n}}"}')

    asked = order(parsed(URL, "--body", str(body), "--model", "theirs", "--stream"))

    assert orjson.loads(asked.call.body) == {"model": "theirs", "prompt": "{{n}}", "stream": True}


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff", b'"text"', b'{"a":1}{'])
def test_a_body_that_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    body = tmp_path / "body.json"
    body.write_bytes(content)

    assert problems(URL, "--body", str(body)) == [f"--body {body}: must be a JSON object"]


def test_a_body_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(URL, "--body", str(tmp_path / "none.json"))
    (other,) = problems(URL, "--body", str(tmp_path))

    assert problem == f"--body {tmp_path / 'none.json'}: cannot be read: No such file or directory"
    assert "cannot be read" in other


def test_an_answers_length_cannot_be_given_for_a_body_of_ones_own(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_bytes(b"{}")

    (problem,) = problems(URL, "--body", str(body), "--max-tokens", "5")

    assert problem.startswith("--max-tokens: ")


def test_a_picture_that_is_there_stays_until_there_is_another(tmp_path: Path) -> None:
    picture = tmp_path / "curve.svg"
    picture.write_text("old")

    ordered("--svg", str(picture))

    assert picture.read_text() == "old"


def test_more_at_once_than_the_process_may_have_open_is_not_blamed_on_the_provider() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        ordered("--max", "224")
        (problem,) = problems(URL, "--model", "m", "--max", "225")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert problem == "--max 225: this process may have 224 connections (ulimit -n)"


def test_what_it_may_cost_is_said_in_a_sentence() -> None:
    asked = ordered("--max", "8", "--levels", "3", "--requests", "10", "--max-tokens", "100")

    # Each level: 56 counted (five times 10, in rounds of 8), 8 of warm-up, 8 on their way.
    assert asked.most_requests == 1 + 3 * 72
    assert asked.warning().startswith("At most 217 requests (about ")
    assert "21,700 output tokens" in asked.warning()
    assert "output tokens" not in ordered("--endpoint", "embeddings").warning()


@pytest.mark.parametrize(
    ("least", "most", "levels"), [("1", "4", "4 levels"), ("7", "7", "1 level")]
)
def test_no_more_levels_are_told_than_there_are(least: str, most: str, levels: str) -> None:
    assert f" in at most {levels}: " in ordered("--min", least, "--max", most).warning()
