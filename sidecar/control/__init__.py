"""PURE. How many attempts may be in flight, and how fast may they start?

Numbers in, decisions out; `now` and random draws are arguments.
"""
