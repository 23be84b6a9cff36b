"""Limiters for the views."""

from tests.admission.conftest import make_limiter

__all__ = ["make_limiter"]
