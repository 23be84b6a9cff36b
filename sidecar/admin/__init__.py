"""The second server, on a port of its own: the dashboard, metrics, health, statistics.

Nothing here changes anything.
"""
