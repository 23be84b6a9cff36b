"""Any API that the sidecar does not know: relayed and limited as one, under the model `other`."""

from collections.abc import Mapping
from typing import Any

from sidecar.dialects.base import Dialect, OwnError
from sidecar.dialects.rejections import Rejections


def _shape(error: OwnError) -> Mapping[str, Any]:
    return {"error": {"message": error.message, "code": error.reason}}


OTHER = Dialect(name="other", endpoints={}, reads_body=False, rejections=Rejections(), shape=_shape)
