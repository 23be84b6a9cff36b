"""Pods that nobody would write by hand, and that the API server takes."""

from hypothesis import strategies as st

from sidecar.injector.annotations import ANNOTATIONS
from tests.cluster.api import Object
from tests.cluster.pods import OPT_IN, container, pod

_VARIABLES = (
    *("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "LLM_SIDECAR_URL", "openai_base_url", "FOO"),
    *("NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"),
)
_VALUES = (
    *("", " ", "*", " * ", "127.0.0.1", " 127.0.0.1 ", "127.0.0.10", "localhost", "a,127.0.0.1,b"),
    *(",", "a,", "127.0.0.1,", ".example,10.0.0.0/8", "http://proxy:3128", "$(FOO)", 'a"b\\c'),
)
_WRONG = (
    *("", " ", "0", "00", "1", "+1", "-1", "1e3", "64\n", " 64", "100001", "0x10", "1_000", "٣"),
    *("86400.5", "1.", ".5", "true", "99999999999999999999", "app,", ",", "a b", "nope", "INFO"),
    *("100m", "1.5", "2k", "1Gi", "300Mi", "1Ti", "64mi", "31", "29", "10", "500"),
)
_NAMES = ("app", "worker", "migrate", "fetch", "nope")

_literal = st.fixed_dictionaries(
    {"name": st.sampled_from(_VARIABLES)}, optional={"value": st.sampled_from(_VALUES)}
)
_referring = st.builds(
    lambda name: {"name": name, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    st.sampled_from(_VARIABLES),
)
_env = st.lists(st.one_of(_literal, _literal, _referring), max_size=6)


def _containers(*names: str) -> st.SearchStrategy[list[Object]]:
    made = [
        st.builds(
            lambda env, name=name: container(name, **env),
            st.fixed_dictionaries({}, optional={"env": _env}),
        )
        for name in names
    ]
    return st.integers(0, len(names)).flatmap(lambda count: st.tuples(*made[:count]).map(list))


def _annotation(key: str, pattern: str) -> st.SearchStrategy[str]:
    wrong = st.sampled_from(_WRONG)
    if key == "containers":
        names = st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3)
        return st.one_of(names.map(",".join), wrong)
    ascii_ = st.characters(codec="ascii", exclude_categories=["Cc"])
    return st.one_of(st.from_regex(pattern, fullmatch=True, alphabet=ascii_), wrong)


_annotations = st.fixed_dictionaries(
    {}, optional={it.key: _annotation(it.key, it.pattern) for it in ANNOTATIONS}
)


@st.composite
def made_pods(draw: st.DrawFn) -> Object:
    """A pod that asks for the sidecar."""
    spec: Object = {}
    if init := draw(_containers("migrate", "fetch")):
        spec["initContainers"] = init
    if (grace := draw(st.none() | st.sampled_from([0, 1, 2, 3, 30, 31, 600]))) is not None:
        spec["terminationGracePeriodSeconds"] = grace
    app = draw(_containers("app", "worker")) or [container()]
    annotations = draw(st.none() | _annotations)
    return pod(*app, labels={**OPT_IN, "app": "made"}, annotations=annotations, **spec)
