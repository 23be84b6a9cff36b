"""Tests mirror `sidecar/`, one file for each."""
