"""PURE: the variables that lead an app's calls to the sidecar."""

from collections.abc import Mapping, Sequence
from typing import Any

EnvVar = Mapping[str, Any]
"""The API's EnvVar."""

_LOOPBACK = "127.0.0.1"
_NO_PROXY = ("NO_PROXY", "no_proxy")
_PROXIES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


def app_env(env: Sequence[EnvVar], wanted: Mapping[str, str]) -> list[EnvVar]:
    """A container's environment with `wanted` where it was silent.

    The entries of `env` stay first and in order; nothing of them changes except that calls to the
    loopback pass the app's own HTTP proxy by.
    """
    names = {entry["name"] for entry in env}
    whole = [
        *env,
        *({"name": name, "value": value} for name, value in wanted.items() if name not in names),
    ]
    return _with_direct_loopback(whole)


def _with_direct_loopback(env: Sequence[EnvVar]) -> list[EnvVar]:
    direct = [_direct(entry) if entry["name"] in _NO_PROXY else entry for entry in env]
    names = {entry["name"] for entry in env}
    if names.isdisjoint(_NO_PROXY) and not names.isdisjoint(_PROXIES):
        direct.append({"name": "NO_PROXY", "value": _LOOPBACK})
    return direct


def _direct(entry: EnvVar) -> EnvVar:
    value = entry.get("value") or ""
    if entry.get("valueFrom") is not None or value == "*":
        return entry
    if _LOOPBACK in (element.strip() for element in value.split(",")):
        return entry
    return {**entry, "value": f"{value},{_LOOPBACK}" if value else _LOOPBACK}
