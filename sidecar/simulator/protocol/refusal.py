"""The errors that providers answer with: what each trouble is called where."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    """What can be wrong, whoever the provider; the values are names of directives."""

    RATE = "rate_limit_exceeded"
    RAMP = "slow_down"
    QUOTA = "insufficient_quota"
    BILLING = "billing_error"
    OVERLOAD = "overloaded"
    TOO_LARGE = "request_too_large"
    SERVER_ERROR = "server_error"
    BAD_GATEWAY = "bad_gateway"
    GATEWAY_TIMEOUT = "gateway_timeout"
    REQUEST_TIMEOUT = "request_timeout"
    CONFLICT = "conflict"
    BAD_REQUEST = "invalid_request"
    UNPROCESSABLE = "unprocessable"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    WRONG_METHOD = "method_not_allowed"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One error answer, in the words of one provider."""

    status: int
    type: str
    code: str | None
    """OpenAI's `code`, Anthropic's `details.error_code`."""
    message: str
    param: str | None = None
    """The field at fault (OpenAI)."""


class RefusedError(Exception):
    """Reading a request found trouble; `message` is for people."""

    def __init__(self, trouble: Trouble, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.message = message
        self.param = param


_RATE_TEXT = "Rate limit reached for this model. Please try again later."
_QUOTA_TEXT = "You exceeded your current quota, please check your plan and billing details."
_RAMP_TEXT = "Traffic grows too quickly. Please slow down, then increase gradually."

OPENAI_REFUSALS: Mapping[Trouble, Refusal] = {
    Trouble.RATE: Refusal(429, "requests", "rate_limit_exceeded", _RATE_TEXT),
    Trouble.RAMP: Refusal(429, "rate_limit_error", "slow_down", _RAMP_TEXT),
    Trouble.QUOTA: Refusal(429, "insufficient_quota", "insufficient_quota", _QUOTA_TEXT),
    Trouble.BILLING: Refusal(402, "billing_error", "billing_hard_limit_reached", _QUOTA_TEXT),
    Trouble.OVERLOAD: Refusal(
        503,
        "service_unavailable_error",
        "server_is_overloaded",
        "The server is currently overloaded. Please try again later.",
    ),
    Trouble.TOO_LARGE: Refusal(413, "invalid_request_error", None, "Request too large."),
    Trouble.SERVER_ERROR: Refusal(
        500, "server_error", None, "The server had an error while processing your request."
    ),
    Trouble.BAD_GATEWAY: Refusal(502, "server_error", None, "Bad gateway."),
    Trouble.GATEWAY_TIMEOUT: Refusal(504, "server_error", None, "Gateway timeout."),
    Trouble.REQUEST_TIMEOUT: Refusal(408, "server_error", None, "Request timed out."),
    Trouble.CONFLICT: Refusal(409, "invalid_request_error", None, "Lock timeout."),
    Trouble.BAD_REQUEST: Refusal(400, "invalid_request_error", None, "Bad request."),
    Trouble.UNPROCESSABLE: Refusal(422, "invalid_request_error", None, "Unprocessable."),
    Trouble.UNAUTHORIZED: Refusal(
        401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."
    ),
    Trouble.FORBIDDEN: Refusal(
        403, "invalid_request_error", "unsupported_country_region_territory", "Not supported."
    ),
    Trouble.NOT_FOUND: Refusal(404, "invalid_request_error", None, "Not found."),
    Trouble.WRONG_METHOD: Refusal(405, "invalid_request_error", None, "Method not allowed."),
}

ANTHROPIC_REFUSALS: Mapping[Trouble, Refusal] = {
    Trouble.RATE: Refusal(429, "rate_limit_error", None, _RATE_TEXT),
    Trouble.RAMP: Refusal(429, "rate_limit_error", "ramp_limit_exceeded", _RAMP_TEXT),
    Trouble.QUOTA: Refusal(429, "rate_limit_error", "enforced_spend_limit_reached", _QUOTA_TEXT),
    Trouble.BILLING: Refusal(402, "billing_error", None, _QUOTA_TEXT),
    Trouble.OVERLOAD: Refusal(529, "overloaded_error", None, "Overloaded"),
    Trouble.TOO_LARGE: Refusal(413, "request_too_large", None, "Request exceeds the maximum size"),
    Trouble.SERVER_ERROR: Refusal(500, "api_error", None, "Internal server error"),
    Trouble.BAD_GATEWAY: Refusal(502, "api_error", None, "Bad gateway"),
    Trouble.GATEWAY_TIMEOUT: Refusal(504, "timeout_error", None, "Gateway timeout"),
    Trouble.REQUEST_TIMEOUT: Refusal(408, "timeout_error", None, "Request timed out"),
    Trouble.CONFLICT: Refusal(409, "conflict_error", None, "Lock timeout"),
    Trouble.BAD_REQUEST: Refusal(400, "invalid_request_error", None, "Bad request"),
    Trouble.UNPROCESSABLE: Refusal(422, "invalid_request_error", None, "Unprocessable"),
    Trouble.UNAUTHORIZED: Refusal(401, "authentication_error", None, "invalid x-api-key"),
    Trouble.FORBIDDEN: Refusal(403, "permission_error", None, "Not allowed"),
    Trouble.NOT_FOUND: Refusal(404, "not_found_error", None, "Not found"),
    Trouble.WRONG_METHOD: Refusal(405, "invalid_request_error", None, "Method Not Allowed"),
}

BY_STATUS: Mapping[int, Trouble] = {
    400: Trouble.BAD_REQUEST,
    401: Trouble.UNAUTHORIZED,
    402: Trouble.BILLING,
    403: Trouble.FORBIDDEN,
    404: Trouble.NOT_FOUND,
    408: Trouble.REQUEST_TIMEOUT,
    409: Trouble.CONFLICT,
    413: Trouble.TOO_LARGE,
    422: Trouble.UNPROCESSABLE,
    429: Trouble.RATE,
    500: Trouble.SERVER_ERROR,
    502: Trouble.BAD_GATEWAY,
    503: Trouble.OVERLOAD,
    504: Trouble.GATEWAY_TIMEOUT,
    529: Trouble.OVERLOAD,
}
"""Statuses that may be asked for by number."""
