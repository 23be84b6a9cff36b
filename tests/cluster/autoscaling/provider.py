"""The provider whose quota the fleets share: a quota for each model."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.autoscaling.fleet import QUOTA
from tests.cluster.daemon import Daemon

_SCENARIO = f"""
title = "{QUOTA} slots for each model, 429 beyond, answers of 1.7 s in the mean."
rejection_delay = 0.005

[service]
ttft_median = 0.3
answer_median = 1.2
answer_sigma = 0.5

[capacity.slots]
steps = [{{ at = 0, slots = {QUOTA} }}]
"""


@contextmanager
def provider(folder: Path) -> Iterator[int]:
    """One at work; gives its port."""
    scenario = folder / "quota.toml"
    scenario.write_text(_SCENARIO, "utf-8")
    daemon = Daemon(
        [sys.executable, "-m", "sidecar", "provider", "--scenario", str(scenario), "--port", "0"],
        folder / "provider.log",
    )
    address = re.compile(r"on http://127\.0\.0\.1:(\d+)")
    try:
        daemon.ready(lambda: address.search(daemon.log) is not None)
        said = address.search(daemon.log)
        assert said
        yield int(said[1])
    finally:
        daemon.stop()
