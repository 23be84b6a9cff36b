"""The sidecar's container in one pod."""

import copy
from typing import Any

import pytest

from sidecar.injector.container import sidecar_container
from sidecar.injector.overrides import Overrides
from tests.injector.made import CONFIG, config


def overrides(**differing: Any) -> Overrides:
    plain: dict[str, Any] = {
        "env": {}, "resources": {}, "image": None, "containers": None, "grace_period": 30
    }  # fmt: skip
    return Overrides(**{**plain, **differing})


def test_without_overrides_it_is_the_configured_one_as_a_native_sidecar() -> None:
    container = sidecar_container(CONFIG.container, overrides())

    drain = {"name": "SIDECAR_DRAIN_TIMEOUT", "value": "28"}
    env = [*CONFIG.container["env"], drain]
    assert container == {**CONFIG.container, "restartPolicy": "Always", "env": env}


def test_overridden_variables_leave_their_place_and_come_last() -> None:
    env = {"SIDECAR_LIMIT_MAX": "5", "SIDECAR_LOG_LEVEL": "error"}

    container = sidecar_container(CONFIG.container, overrides(env=env))

    assert [entry["name"] for entry in container["env"]] == [
        "SIDECAR_DRAIN_IDLE", "POD_IP", "SIDECAR_LIMIT_MAX", "SIDECAR_LOG_LEVEL", "SIDECAR_DRAIN_TIMEOUT",
    ]  # fmt: skip
    assert container["env"][3]["value"] == "error"


@pytest.mark.parametrize(
    ("grace", "drain"), [(0, "1"), (1, "1"), (3, "1"), (4, "2"), (630, "628"), (172_800, "86400")]
)
def test_the_drain_follows_the_pods_grace_period(grace: int, drain: str) -> None:
    container = sidecar_container(CONFIG.container, overrides(grace_period=grace))

    assert container["env"][-1] == {"name": "SIDECAR_DRAIN_TIMEOUT", "value": drain}


def test_a_drain_that_somebody_set_is_kept() -> None:
    configured = config(("SIDECAR_DRAIN_TIMEOUT", "7")).container
    asked = {"SIDECAR_DRAIN_TIMEOUT": "9"}

    kept = sidecar_container(configured, overrides())["env"]
    replaced = sidecar_container(configured, overrides(env=asked))["env"]

    assert kept == configured["env"]
    assert replaced == [*CONFIG.container["env"], {"name": "SIDECAR_DRAIN_TIMEOUT", "value": "9"}]


def test_one_resource_is_replaced_and_the_others_stay() -> None:
    asked = {"requests.cpu": "1", "limits.cpu": "2"}

    container = sidecar_container(CONFIG.container, overrides(resources=asked))

    assert container["resources"] == {
        "requests": {"cpu": "1", "memory": "64Mi"},
        "limits": {"cpu": "2", "memory": "256Mi"},
    }


def test_a_container_without_resources_gets_them() -> None:
    bare = {"name": "llm-sidecar", "image": "i"}

    assert sidecar_container(bare, overrides(resources={"limits.cpu": "1"}))["resources"] == {
        "limits": {"cpu": "1"}
    }


def test_the_image_is_replaced() -> None:
    assert sidecar_container(CONFIG.container, overrides(image="other:1"))["image"] == "other:1"


def test_the_configuration_serves_the_next_pod_unchanged() -> None:
    before = copy.deepcopy(CONFIG)

    sidecar_container(
        CONFIG.container,
        overrides(env={"SIDECAR_LOG_LEVEL": "error"}, resources={"requests.cpu": "1"}),
    )

    assert before == CONFIG
