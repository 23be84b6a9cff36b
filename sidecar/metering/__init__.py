"""PURE. What an answer's own bytes tell: first byte, errors in mid-stream, tokens used.

Taps look at the bytes that pass; they never change, hold or delay one.
"""
