"""`llm-sidecar demo`: a simulated provider, the sidecar before it, real HTTP load, a live view."""

from sidecar.demo.run import run_demo

__all__ = ["run_demo"]
