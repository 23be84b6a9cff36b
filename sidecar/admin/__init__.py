"""The second server, on a port of its own: metrics, health, statistics. Nothing here changes anything."""
