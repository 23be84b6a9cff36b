"""The law over real sockets: does the limit find a provider's hidden slots, and keep them?

Provider, sidecar and load are processes of their own, started as users start them; what is judged
is the provider's own count of running requests. `case` is what is tried, `load` is the app, `trial`
starts and watches everything, `judge` says what came of it.
"""
