"""What the tests of the cluster need of the machine."""

import os
import shutil
from pathlib import Path

from tests.missing import missing
from tests.tools.build import TOOLS, folder


def find_assets() -> Path:
    """Folder of the control plane's binaries: KUBE_ASSETS, else what `make kube` built.

    Where it has not, the test is left out; in continuous integration it fails.
    """
    named = os.environ.get("KUBE_ASSETS")  # noqa: TID251  # the sidecar does not read it
    place = Path(named) if named else folder("kube")
    names = [name for name in TOOLS["kube"].binaries if not shutil.which(name, path=str(place))]
    if names:
        missing(
            f"no {', no '.join(names)} in {place}:"
            " `make kube` builds them, or KUBE_ASSETS names their folder"
        )
    return place
