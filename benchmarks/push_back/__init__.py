"""What an app sees of a provider that pushes back: rejections, an outage, random errors, no quota.

Provider, sidecar and load are processes of their own, started as users start them; attempts and
rejections are the provider's own counts. `cases/` says what is tried and what should come out,
`load` is the app, `run` starts and watches everything, `trial` is what was seen.
"""
