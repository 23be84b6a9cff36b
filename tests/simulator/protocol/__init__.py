"""Tests of what the simulated provider says."""
