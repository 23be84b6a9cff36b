"""A client of the Kubernetes API, as small as the tests allow."""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx

from tests.cluster.polling import eventually

Object = dict[str, Any]
"""An object of Kubernetes, as JSON has it."""

_DISCOVERY = "application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList"
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


class ApiError(Exception):
    """The API server refused. `str()` is its message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Answer(NamedTuple):
    """What came of a change."""

    object: Object
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Resource:
    """One of the API's resources, as discovery shows it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str]

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Path of one object, or of all of a namespace or cluster."""
        root = "/api/" if "/" not in self.api_version else "/apis/"
        place = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        parts = (f"{root}{self.api_version}{place}/{self.plural}", name, subresource)
        return "/".join(part for part in parts if part)


class Api:
    """The API as its administrator sees it.

    Objects are found by kind; where two groups have the kind, by the first one of discovery.
    """

    def __init__(self, url: str, *, token: str, ca: Path) -> None:
        self._client = httpx.Client(
            base_url=url,
            headers={"authorization": f"Bearer {token}"},
            verify=ssl.create_default_context(cafile=str(ca)),
            timeout=30,
        )
        self._resources: list[Resource] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        params: dict[str, str] | None = None,
    ) -> Answer:
        """One request. Raises ApiError for any answer but 2xx."""
        headers = {"content-type": content_type} if body is not None else {}
        response = self._send(method, path, json=body, params=params, headers=headers)
        warnings = [
            re.sub(r"\\(.)", r"\1", text)
            for header in response.headers.get_list("warning")
            for text in _WARNING.findall(header)
        ]
        return Answer(response.json(), warnings)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        response = eventually(lambda: self._try(method, path, options), f"{method} {path}")
        if response.is_success:
            return response
        try:
            message = response.json()["message"]
        except (ValueError, KeyError):  # not the API server's own answer
            message = response.text
        raise ApiError(response.status_code, message)

    def _try(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response | None:
        """None if it shall be tried again: so are lists of a resource that was defined just now."""
        response = self._client.request(method, path, **options)
        return None if response.status_code == httpx.codes.TOO_MANY_REQUESTS else response

    def ready(self) -> bool:
        """Whether the API server says that it is."""
        try:
            return self._client.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def resources(self) -> list[Resource]:
        """Every resource that the API has now, in the preferred versions of its groups."""
        return [
            Resource(
                api_version="/".join(
                    filter(None, (group["metadata"].get("name"), version["version"]))
                ),
                kind=it["responseKind"]["kind"],
                plural=it["resource"],
                namespaced=it["scope"] == "Namespaced",
                verbs=frozenset(it["verbs"]),
            )
            for root in ("/api", "/apis")
            for group in self._send("GET", root, headers={"accept": _DISCOVERY}).json()["items"]
            for version in group["versions"][:1]
            for it in version.get("resources", ())
        ]

    def resource(self, kind: str) -> Resource:
        """The one of this kind. Raises LookupError where the API has none."""
        for _ in range(2):
            for resource in self._resources:
                if resource.kind == kind:
                    return resource
            self._resources = self.resources()
        raise LookupError(kind)

    def get(self, kind: str, name: str, namespace: str = "") -> Object:
        """One object. Raises ApiError, code 404, where there is none."""
        return self.send("GET", self.resource(kind).path(namespace, name)).object

    def find(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """One object, or None."""
        try:
            return self.get(kind, name, namespace)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list(self, kind: str, namespace: str = "", **params: str) -> list[Object]:
        """All objects of a kind; `params`: labelSelector, fieldSelector."""
        answer = self.send("GET", self.resource(kind).path(namespace), params=params).object
        return list(answer["items"])

    def create(self, object_: Object, namespace: str = "", **params: str) -> Answer:
        """Create an object; `params`: dryRun."""
        path = self.resource(object_["kind"]).path(namespace)
        return self.send("POST", path, object_, params=params)

    def patch(
        self, kind: str, name: str, namespace: str, change: Object, *, subresource: str = ""
    ) -> Answer:
        """Merge a change into an object, or into its `status`."""
        return self.send(
            "PATCH",
            self.resource(kind).path(namespace, name, subresource),
            change,
            content_type="application/merge-patch+json",
        )

    def delete(self, kind: str, name: str, namespace: str = "") -> None:
        """Delete an object and what belongs to it, in the background."""
        options = {"propagationPolicy": "Background"}
        self.send("DELETE", self.resource(kind).path(namespace, name), options)

    def wait_for(
        self,
        kind: str,
        name: str,
        namespace: str = "",
        *,
        until: Callable[[Object], bool] = bool,
        seconds: float = 30.0,
    ) -> Object:
        """Wait for an object that is so. Raises TimeoutError after `seconds`."""

        def look() -> Object | None:
            found = self.find(kind, name, namespace)
            return found if found is not None and until(found) else None

        found = eventually(look, f"{kind} {namespace}/{name}", seconds=seconds)
        assert found is not None
        return found
