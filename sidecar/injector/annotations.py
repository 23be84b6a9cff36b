"""PURE: what a pod may ask for by annotation; the chart's policy reads the same table.

`helm/llm-sidecar/files/annotations.yaml` is made from it (`tests/chart_files.py`). A pattern is RE2,
as CEL wants it, says the whole range, and has no backslash and no quote: it stands in a template.
"""

import re
from dataclasses import dataclass
from typing import Literal

from sidecar.dialects import DIALECTS

PREFIX = "llm-sidecar.io/"

STATUS = "status"
"""The one key that is written, not read."""

MAX_LENGTH = 8192
"""Characters of a value: CEL's cost grows with them, and its budget ends at about twice as many."""

Resource = Literal["", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"]
Field = Literal["", "containers", "image", "terminationGracePeriodSeconds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One thing that can be asked for; exactly one of `env`, `resource` and `field` is set."""

    key: str
    """What follows `llm-sidecar.io/`."""
    env: str = ""
    """Variable of the sidecar that takes the value."""
    resource: Resource = ""
    """Resource of the sidecar that takes the value."""
    field: Field = ""
    """Anything else that takes the value."""
    pattern: str
    """RE2, anchored: the values that are allowed."""
    allowed: str
    """The same in words, for a warning."""
    effect: str
    """In words, for the documentation."""

    @property
    def name(self) -> str:
        """As it stands in a pod."""
        return PREFIX + self.key

    def matches(self, value: str) -> bool:
        """Whether the value is one of the allowed ones, by itself."""
        return len(value) <= MAX_LENGTH and re.fullmatch(self.pattern, value) is not None


def _whole(pattern: str) -> str:
    return f"^({pattern})$"


def _list(item: str) -> str:
    return _whole(f"{item}(,{item})*")


_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DAY = "[1-9][0-9]{0,3}|[1-7][0-9]{4}|8[0-5][0-9]{3}|86[0-3][0-9]{2}"
"""1 to 86399."""
_LIMIT = _whole("[1-9][0-9]{0,4}|100000")
_SECONDS = _whole(f"(0|{_DAY})([.][0-9]{{1,6}})?|86400([.]0{{1,6}})?")

_HOST = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_UPSTREAM = (
    f"[a-z0-9]([a-z0-9_-]{{0,61}}[a-z0-9])?(:({'|'.join(DIALECTS)}))?"
    f"=https?://{_HOST}([.]{_HOST})*[.]?(:({_PORT}))?(/[A-Za-z0-9._~%+=:@/-]*)?"
)

_CPU = _whole(
    "[1-9][0-9]{0,6}m|[1-9][0-9]{0,3}([.][0-9]{1,3})?|0[.]([1-9][0-9]{0,2}|0[1-9][0-9]?|00[1-9])"
)
_MEMORY = _whole("[1-9][0-9]{0,14}|[1-9][0-9]{0,8}(Ki|Mi|Gi|k|M|G)")

_PATH = "[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*"
_IMAGE = _whole(
    f"({_HOST}([.]{_HOST})*(:[0-9]{{1,5}})?/)?{_PATH}(/{_PATH})*"
    "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)

_ANY_LIMIT = "a whole number from 1 to 100000"
_ANY_SECONDS = "seconds from 0 to 86400, with up to 6 decimals"
_ANY_CPU = "CPUs like 250m, 1 or 1.5, above 0"
_ANY_MEMORY = "bytes like 64Mi or 1Gi: a whole number above 0, alone or with Ki, Mi, Gi, k, M or G"

ANNOTATIONS: tuple[Annotation, ...] = (
    Annotation(
        key="containers",
        field="containers",
        pattern=_list(_LABEL),
        allowed="container names, separated by commas without blanks",
        effect="containers whose calls go through the sidecar; default: all",
    ),
    Annotation(
        key="max-concurrency",
        env="SIDECAR_LIMIT_MAX",
        pattern=_LIMIT,
        allowed=_ANY_LIMIT,
        effect="the limit never rises above",
    ),
    Annotation(
        key="initial-limit",
        env="SIDECAR_LIMIT_INITIAL",
        pattern=_LIMIT,
        allowed=f"{_ANY_LIMIT}, not below the lowest limit and not above the highest",
        effect="limit to start with, per (upstream, model)",
    ),
    Annotation(
        key="queue-size",
        env="SIDECAR_QUEUE_SIZE",
        pattern=_whole("0|[1-9][0-9]{0,5}|1000000"),
        allowed="a whole number from 0 to 1000000",
        effect="waiting requests per (upstream, model); beyond it they are shed",
    ),
    Annotation(
        key="queue-timeout",
        env="SIDECAR_QUEUE_TIMEOUT",
        pattern=_SECONDS,
        allowed=_ANY_SECONDS,
        effect="longest wait for a place, in seconds",
    ),
    Annotation(
        key="upstreams",
        env="SIDECAR_UPSTREAM_URLS",
        pattern=_list(_UPSTREAM),
        allowed="a list like name=https://host/path,name:dialect=http://host:8000 without blanks,"
        " each name once, the default upstream known",
        effect="own upstreams, instead of the chart's",
    ),
    Annotation(
        key="log-level",
        env="SIDECAR_LOG_LEVEL",
        pattern=_whole("debug|info|warning|error"),
        allowed="debug, info, warning or error",
        effect="`info` logs one line per request, `warning` none",
    ),
    Annotation(
        key="drain-timeout",
        env="SIDECAR_DRAIN_TIMEOUT",
        pattern=_SECONDS,
        allowed=_ANY_SECONDS,
        effect="seconds the sidecar goes on after the app has ended;"
        " default: the pod's grace period less 2",
    ),
    Annotation(
        key="cpu-request",
        resource="requests.cpu",
        pattern=_CPU,
        allowed=_ANY_CPU,
        effect="CPU that the sidecar requests",
    ),
    Annotation(
        key="memory-request",
        resource="requests.memory",
        pattern=_MEMORY,
        allowed=_ANY_MEMORY,
        effect="memory that the sidecar requests",
    ),
    Annotation(
        key="cpu-limit",
        resource="limits.cpu",
        pattern=_CPU,
        allowed=_ANY_CPU,
        effect="CPU limit of the sidecar",
    ),
    Annotation(
        key="memory-limit",
        resource="limits.memory",
        pattern=_MEMORY,
        allowed=_ANY_MEMORY,
        effect="memory limit of the sidecar",
    ),
    Annotation(
        key="image",
        field="image",
        pattern=_IMAGE,
        allowed="an image like registry.example/llm-sidecar:tag or ...@sha256:<64 hex digits>",
        effect="image of the sidecar",
    ),
    Annotation(
        key="termination-grace-period",
        field="terminationGracePeriodSeconds",
        pattern=_whole(f"{_DAY}|86400"),
        allowed="whole seconds from 1 to 86400",
        effect="the pod's grace period, where it is longer than its own",
    ),
)
"""In the order in which they take effect."""
