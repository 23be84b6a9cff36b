"""The laws that the benchmark compares: ours, and other systems' re-implemented from their sources.

Formulas and defaults are the sources'; text and code are not. Each file names where it comes from.
"""

from collections.abc import Callable, Mapping

from benchmarks.control.engine import MakeLaw
from benchmarks.control.laws.adapter import Adapted, Rule
from benchmarks.control.laws.data_designer import DataDesigner
from benchmarks.control.laws.inspect_ai import InspectAi
from benchmarks.control.laws.llmd_batch import LlmdBatch
from benchmarks.control.laws.netflix_aimd import NetflixAimd
from benchmarks.control.laws.vector_arc import VectorArc
from sidecar.control.config import LimitConfig
from sidecar.control.controller import LimitController
from sidecar.control.law import Law

OURS = "ours"


def _ours(now: float) -> Law:
    return LimitController(LimitConfig(), now=now)


def _adapted(make_rule: Callable[[], Rule]) -> MakeLaw:
    def make(now: float) -> Law:  # noqa: ARG001  # no rule needs it
        return Adapted(make_rule())

    return make


LAWS: Mapping[str, MakeLaw] = {
    OURS: _ours,
    "vector": _adapted(VectorArc),
    "netflix": _adapted(NetflixAimd),
    "inspect": _adapted(InspectAi),
    "datadesigner": _adapted(DataDesigner),
    "llm-d": _adapted(LlmdBatch),
}
"""By name, in the order of the table's columns."""
