"""The images, built once; and what happens where they cannot be built."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.image.building import Builder, Image
from tests.missing import missing

_PROGRAMS = ("buildah", "debootstrap", "setpriv", "unshare")


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    """Where it cannot work these tests are left out, except in continuous integration."""
    if lacking := [name for name in _PROGRAMS if shutil.which(name) is None]:
        missing(f"not on this machine: {', '.join(lacking)}; `make tools` installs them")
    if os.geteuid() != 0:
        missing("only root can make a root file system and run in it")
    builder = Builder(tmp_path_factory.mktemp("image"))
    yield builder
    builder.close()


@pytest.fixture(scope="session", params=["distroless", "slim"])
def image(builder: Builder, request: pytest.FixtureRequest) -> Image:
    """Built on one base, then on the other."""
    return builder.build(request.param)


@pytest.fixture(scope="session")
def distroless(builder: Builder) -> Image:
    """Built on the base that the Dockerfile takes if nobody names one."""
    return builder.build("distroless")
