"""kube-score has nothing to say about the chart but what is accepted here."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helm.rendering import OLDEST_AND_NEWEST, oldest_and_newest, rendered, run
from tests.helm.tools import tool

ACCEPTED = {
    ("container-ephemeral-storage-request-and-limit", ""): (
        "the root file system is read-only and nothing is mounted to write to"
    ),
    ("container-image-pull-policy", ""): (
        "a tag is a version and never moved; image.pullPolicy is a value"
    ),
    ("deployment-replicas", "-demo"): "the demo's provider counts what runs in one memory",
    ("horizontalpodautoscaler-has-target", ""): "what is scaled is the user's, not the chart's",
    ("horizontalpodautoscaler-replicas", ""): "how few replicas are enough is the user's to say",
    ("pod-networkpolicy", ""): (
        "injector.networkPolicy.enabled is a value: not every cluster's network has policies"
    ),
    ("pod-probes-identical", "-demo"): "the demo's provider has one page to ask for",
    ("service-targets-pod", "-metrics"): "the pods whose metrics it leads to are the user's",
}
"""Why a finding of this check is none, at objects whose name ends so."""

STRICTER = ("container-seccomp-profile", "container-ports-check")

_OK = 10
"""The best of kube-score's grades."""


class Finding(NamedTuple):
    check: str
    object: str
    told: list[str]

    @property
    def accepted(self) -> set[tuple[str, str]]:
        """Which of the accepted findings it is."""
        return {
            (check, end)
            for check, end in ACCEPTED
            if check == self.check and self.object.endswith(end)
        }


@pytest.fixture(scope="session")
def kube_score() -> Path:
    return tool("kube-score")


@functools.cache
def findings(kube_score: Path, helm: Path, values: str, kubernetes: str) -> list[Finding]:
    scored = run(
        *(kube_score, "score", "--output-format", "json"),
        *("--kubernetes-version", f"v{kubernetes.removesuffix('.0')}"),
        "--ignore-container-cpu-limit",  # one throttles, which a stream's reader sees as a stall
        *(word for check in STRICTER for word in ("--enable-optional-test", check)),
        "-",
        stdin=rendered(helm, values, kubernetes),
    )
    assert scored.stdout, scored.stderr
    return list(_read(scored.stdout))


def _read(scored: str) -> Iterator[Finding]:
    for thing in json.loads(scored) or []:
        for of in thing["checks"]:
            if of["grade"] < _OK and not of["skipped"]:
                told = [comment["summary"] for comment in of["comments"] or []]
                yield Finding(of["check"]["id"], thing["object_name"], told)


@oldest_and_newest
def test_no_finding_is_left(kube_score: Path, helm4: Path, values: str, kubernetes: str) -> None:
    found = findings(kube_score, helm4, values, kubernetes)

    assert [each for each in found if not each.accepted] == []


def test_nothing_is_accepted_that_is_not_found(kube_score: Path, helm4: Path) -> None:
    found = {
        accepted
        for values, kubernetes in OLDEST_AND_NEWEST
        for each in findings(kube_score, helm4, values, kubernetes)
        for accepted in each.accepted
    }

    assert found == ACCEPTED.keys()
