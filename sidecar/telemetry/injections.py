"""The injector's reviews: counts, log lines, and the metrics made of them."""

from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from sidecar.outcomes import ReviewOutcome
from sidecar.telemetry.catalogue import Metric
from sidecar.telemetry.logs import Log, bug_fields

REVIEWS = Metric(
    "llm_sidecar_injector_reviews_total",
    "counter",
    "Pods that the API server asked about, by what became of them.",
    ("outcome",),
)
CERTIFICATE_EXPIRY = Metric(
    "llm_sidecar_injector_certificate_expiry_timestamp_seconds",
    "gauge",
    "When the injector's certificate expires, in Unix time.",
    (),
)


class InjectionObserver:
    """Counts reviews, and writes a line for each: never what stands in a pod."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.reviews = dict.fromkeys(ReviewOutcome, 0)

    def reviewed(
        self, outcome: ReviewOutcome, *, namespace: str = "", warnings: int = 0, problem: str = ""
    ) -> None:
        """One answered review; `problem` says what is invalid about it."""
        self.reviews[outcome] += 1
        if outcome is ReviewOutcome.INVALID:
            self._log.warning("review", outcome=outcome, problem=problem)
        else:
            self._log.info("review", outcome=outcome, namespace=namespace, warnings=warnings)

    def failed(self, error: Exception) -> None:
        """A review met a bug."""
        self.reviews[ReviewOutcome.FAILED] += 1
        self._log.error("bug", **bug_fields(error))


class InjectionsCollector(Collector):
    """Turns the counts into metric families when scraped."""

    def __init__(self, observer: InjectionObserver, not_after: Callable[[], datetime]) -> None:
        self._observer = observer
        self._not_after = not_after

    def collect(self) -> Iterator[Family]:
        """Both metrics; every outcome is there from the start."""
        reviews = CounterMetricFamily(REVIEWS.family, REVIEWS.help, labels=REVIEWS.labels)
        for outcome, count in self._observer.reviews.items():
            reviews.add_metric([outcome.value], count)
        yield reviews
        yield GaugeMetricFamily(
            CERTIFICATE_EXPIRY.family, CERTIFICATE_EXPIRY.help, self._not_after().timestamp()
        )
