"""Which upstream a path belongs to, and what is left of the path there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import ConfigError, NoRouteError
from sidecar.upstream.routes import WELL_KNOWN, Routes, parse_upstreams
from sidecar.upstream.transport import Origin

ROUTES = Routes(parse_upstreams("own=http://10.0.0.1:8000/base/v1/"), default="openai")


@pytest.mark.parametrize(
    ("target", "upstream", "left"),
    [
        (b"/v1/models", "openai", b"/v1/models"),
        (b"/", "openai", b"/"),
        (b"/?q=/anthropic/", "openai", b"/?q=/anthropic/"),
        (b"/anthropic/v1/messages?beta=true", "anthropic", b"/v1/messages?beta=true"),
        (b"/anthropic", "anthropic", b"/"),
        (b"/anthropic/", "anthropic", b"/"),
        (b"/anthropic?x=1", "anthropic", b"/?x=1"),
        (b"/anthropic2/v1", "openai", b"/anthropic2/v1"),
        (b"/Anthropic/v1", "openai", b"/Anthropic/v1"),
        (b"/own/chat", "own", b"/base/v1/chat"),
        (b"/own", "own", b"/base/v1/"),
        (b"//own/chat", "openai", b"//own/chat"),
        (b"/openai/openai/x", "openai", b"/openai/x"),
        # Nothing is decoded or normalised.
        (b"/%61nthropic/v1", "openai", b"/%61nthropic/v1"),
        (b"/v1/files/a%2Fb/../c//d", "openai", b"/v1/files/a%2Fb/../c//d"),
        (b"/own/../x", "own", b"/base/v1/../x"),
        (b"/v1/\xc3\xa9?\xff", "openai", b"/v1/\xc3\xa9?\xff"),
    ],
)
def test_the_first_segment_names_the_upstream(target: bytes, upstream: str, left: bytes) -> None:
    route = ROUTES.match(target, None)

    assert (route.upstream.name, route.target) == (upstream, left)


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"*",
        b"example.com:443",
        b"v1",
        b"/a b",
        b"/a\r\nX: y",
        b"/\x00",
    ],
)
def test_a_target_that_is_no_path_has_no_route(target: bytes) -> None:
    """Authority form and `*` are a forward proxy's business, not ours."""
    with pytest.raises(NoRouteError):
        ROUTES.match(target, None)


@given(
    st.binary(max_size=40),
    st.none() | st.binary(max_size=9) | st.sampled_from((b"10.0.0.1:8000", b"api.openai.com")),
)
def test_a_target_is_passed_whole_or_refused(target: bytes, host: bytes | None) -> None:
    try:
        route = ROUTES.match(target, host)
    except NoRouteError:
        return
    assert route.target.startswith(b"/")
    assert not set(route.target) & set(b" \r\n\t\x00")
    if route.upstream.name == "openai" and not target.startswith(b"/openai"):
        assert route.target == target


HOSTS = Routes(
    parse_upstreams(
        "bedrock:bedrock=https://bedrock-runtime.eu-west-1.amazonaws.com,"
        "local=http://127.0.0.1:8000,"
        "base=http://127.0.0.1:9000/base,"
        "deep=http://127.0.0.1:9000/base/deep,"
        "six=http://[::1]:8000"
    ),
    default="openai",
)
SIGNED = b"/model/anthropic.claude%3A0/converse?x=%20"


@pytest.mark.parametrize(
    ("target", "upstream", "left"),
    [
        (b"http://bedrock-runtime.eu-west-1.amazonaws.com" + SIGNED, "bedrock", SIGNED),
        (b"https://bedrock-runtime.eu-west-1.amazonaws.com:443" + SIGNED, "bedrock", SIGNED),
        (b"HTTP://Bedrock-Runtime.EU-WEST-1.amazonaws.com:80/x", "bedrock", b"/x"),
        (b"http://bedrock-runtime.eu-west-1.amazonaws.com:/x", "bedrock", b"/x"),
        (b"http://bedrock-runtime.eu-west-1.amazonaws.com", "bedrock", b"/"),
        (b"http://bedrock-runtime.eu-west-1.amazonaws.com?q=/a@b", "bedrock", b"/?q=/a@b"),
        (b"http://api.anthropic.com/groq/v1", "anthropic", b"/groq/v1"),
        (b"http://127.0.0.1:8000/groq/v1", "local", b"/groq/v1"),
        (b"http://[::1]:8000/x", "six", b"/x"),
        (b"http://127.0.0.1:9000/base/x", "base", b"/base/x"),
        (b"http://127.0.0.1:9000/base", "base", b"/base"),
        (b"http://127.0.0.1:9000/base?x", "base", b"/base?x"),
        (b"http://127.0.0.1:9000/base/deeper", "base", b"/base/deeper"),
        (b"http://127.0.0.1:9000/base/deep/x", "deep", b"/base/deep/x"),
    ],
)
@pytest.mark.parametrize("host", [None, b"api.mistral.ai"])
def test_a_url_goes_to_the_upstream_of_its_host_with_its_path_untouched(
    target: bytes, upstream: str, left: bytes, host: bytes | None
) -> None:
    """What an SDK sends to an HTTP proxy; `Host` does not count beside it."""
    route = HOSTS.match(target, host)

    assert (route.upstream.name, route.target) == (upstream, left)


@pytest.mark.parametrize(
    "target",
    [
        b"http://example.com/v1",
        b"http://127.0.0.1/x",
        b"http://127.0.0.1:8001/x",
        b"http://127.0.0.1:9000/other",
        b"http://127.0.0.1:9000/based",
        b"http://api.openai.com.example.com/v1",
        b"http://example.com@api.openai.com/v1",
        b"http://api.openai.com@example.com/v1",
        b"http:///v1",
        b"ftp://api.openai.com/v1",
        b"http://api.openai.com/a b",
        b"http://api.openai.com/a\r\nX: y",
        b"http://api.openai.com\\@example.com/",
    ],
)
def test_a_url_of_another_host_has_no_route(target: bytes) -> None:
    """The sidecar is no open proxy."""
    with pytest.raises(NoRouteError):
        HOSTS.match(target, b"api.openai.com")


@pytest.mark.parametrize(
    ("host", "upstream"),
    [
        (b"bedrock-runtime.eu-west-1.amazonaws.com", "bedrock"),
        (b"Bedrock-Runtime.eu-west-1.amazonaws.com:443", "bedrock"),
        (b"127.0.0.1:8000", "local"),
        (b"[::1]:8000", "six"),
    ],
)
def test_the_host_of_an_upstream_leads_there_with_the_path_untouched(
    host: bytes, upstream: str
) -> None:
    """What was signed for that host must arrive as it was signed."""
    for target in (SIGNED, b"/anthropic/v1", b"/"):
        route = HOSTS.match(target, host)
        assert (route.upstream.name, route.target) == (upstream, target)


@pytest.mark.parametrize(
    "host",
    [None, b"", b"127.0.0.1", b"127.0.0.1:18080", b"localhost:18080", b"example.com", b"\xff"],
)
def test_any_other_host_leaves_the_choice_to_the_path(host: bytes | None) -> None:
    """The sidecar's own address above all: what apps send whose base URL is the sidecar's."""
    route = HOSTS.match(b"/anthropic/v1/messages", host)

    assert (route.upstream.name, route.target) == ("anthropic", b"/v1/messages")


def test_a_path_outside_of_the_upstreams_of_a_host_is_matched_like_any_other() -> None:
    route = HOSTS.match(b"/groq/v1", b"127.0.0.1:9000")

    assert (route.upstream.name, route.target) == ("groq", b"/v1")


def test_of_several_upstreams_at_one_host_the_default_comes_first() -> None:
    text = "a=http://h:1,b:anthropic=http://h:1,c=http://h:1"

    for default, first in (("b", "b"), ("openai", "a")):
        routes = Routes(parse_upstreams(text), default=default)
        assert routes.match(b"/v1", b"h:1").upstream.name == first


AZURE = "mine:azure=https://mine.openai.azure.com"


def test_paths_of_azure_begin_like_the_name_of_an_upstream() -> None:
    """With an Azure default, `/openai/…` is its own path and not the upstream `openai`."""
    target = b"/openai/deployments/d/chat/completions?api-version=1"
    azure = Routes(parse_upstreams(AZURE), default="mine").match(target, None)
    openai = Routes(parse_upstreams(AZURE), default="openai").match(target, None)

    assert (azure.upstream.name, azure.target) == ("mine", target)
    assert (openai.upstream.name, openai.target) == ("openai", target.removeprefix(b"/openai"))


def test_other_names_are_taken_off_beside_an_azure_default() -> None:
    routes = Routes(parse_upstreams(AZURE), default="mine")

    assert routes.match(b"/anthropic/v1", None).upstream.name == "anthropic"
    assert routes.match(b"/mine/openai/v1", None).target == b"/openai/v1"


def test_the_path_of_a_route_has_no_query() -> None:
    assert ROUTES.match(b"/v1/chat/completions?a=/embeddings", None).path == "/v1/chat/completions"


def test_the_default_upstream_can_be_another() -> None:
    routes = Routes(parse_upstreams(""), default="groq")

    assert routes.match(b"/openai/v1/models", None).upstream.name == "openai"
    assert routes.match(b"/v1/models", None).upstream.origin == Origin(True, "api.groq.com", 443)


def test_well_known_upstreams_need_no_configuration() -> None:
    """The names that the documentation promises."""
    upstreams = parse_upstreams("  ")

    assert set(upstreams) == {
        "openai", "anthropic", "gemini", "mistral", "groq", "deepseek", "together", "fireworks",
        "openrouter", "cohere",
    }  # fmt: skip
    for name, (dialect, url) in WELL_KNOWN.items():
        assert upstreams[name].dialect.name == dialect
        assert upstreams[name].origin == Origin(True, url.removeprefix("https://"), 443)
        assert upstreams[name].base_path == b""


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "http://h:1/p", "b:anthropic": "https://[::1]:8443"}',
        "a=http://h:1/p,b:anthropic=https://[::1]:8443",
        " a = http://h:1/p/ , b:anthropic=https://[::1]:8443 ,, ",
    ],
)
def test_own_upstreams_are_given_as_json_or_as_a_list(text: str) -> None:
    upstreams = parse_upstreams(text)

    a, b = upstreams["a"], upstreams["b"]
    assert (a.dialect.name, a.origin, a.base_path) == ("openai", Origin(False, "h", 1), b"/p")
    assert (b.dialect.name, b.origin, b.base_path) == ("anthropic", Origin(True, "::1", 8443), b"")


def test_a_well_known_name_keeps_its_dialect_at_another_url() -> None:
    upstream = parse_upstreams("anthropic=http://localhost:9/x")["anthropic"]

    assert upstream.dialect.name == "anthropic"
    assert upstream.origin == Origin(False, "localhost", 9)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://h", Origin(False, "h", 80)),
        ("https://H.Example/", Origin(True, "h.example", 443)),
        ("https://bücher.example", Origin(True, "xn--bcher-kva.example", 443)),
    ],
)
def test_ports_and_host_names_are_completed(url: str, origin: Origin) -> None:
    assert parse_upstreams(f"a={url}")["a"].origin == origin


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("=http://h", "a name is made of"),
        ("A=http://h", "a name is made of"),
        ("-a=http://h", "a name is made of"),
        ("a/b=http://h", "a name is made of"),
        (f"{'a' * 64}=http://h", "a name is made of"),
        (
            "a:cobol=http://h",
            "unknown dialect; known: openai, azure, anthropic, gemini, bedrock, mistral",
        ),
        ("a", "needs a URL"),
        ("a=", "needs a URL"),
        ("a=h:80", "needs a URL"),
        ("a=ftp://h", "needs a URL"),
        ("a=http://", "needs a URL"),
        ('{"a": 5}', "needs a URL"),
        ("a=http://user:secret@h", "no credentials"),
        ("http://user:secret@h", "unknown dialect"),
        ("https//user:secret@h", "a name is made of"),
        ("a=http://h/?key=secret", "no credentials, query"),
        ("a=http://h#x", "fragment"),
        ("a=http://h:99999", "Port"),
        ("a=http://h:http", "Port"),
        ("a=http://h:0", "port"),
        ("a=http://[::1", "IPv6"),
        ("a=http://a..b", "label"),
        ("a=http://exa mple", "host"),
        ("a=http://h/a b", "percent-encoded"),
        ("{", "not a JSON object"),
        ('{"a"', "not a JSON object"),
    ],
)
def test_a_wrong_entry_gives_one_line_without_secrets(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_upstreams(text)

    (problem,) = caught.value.problems
    assert says in problem
    assert "\n" not in problem
    assert "secret" not in problem


def test_every_wrong_entry_has_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_upstreams("a=x,b=http://h,c:d=http://h")

    assert [problem.split(":")[0] for problem in caught.value.problems] == ["'a'", "'c"]


@pytest.mark.parametrize(
    "text",
    [
        "a=http://h,a=http://i",
        "a=http://h,b=http://h,a:anthropic=http://h",
        '{"a": "http://h", "a": "http://h"}',
        "openai=http://h,openai=http://h",
    ],
)
def test_a_name_that_is_given_twice_is_an_error(text: str) -> None:
    """Which of the two counts would depend on their order."""
    with pytest.raises(ConfigError) as caught:
        parse_upstreams(text)

    (problem,) = caught.value.problems
    assert problem.endswith(": the name is given twice")
    assert problem.startswith(("'a", "'openai'"))
