"""Listeners: metrics, logs and statistics made from events and from the limiters' state."""
