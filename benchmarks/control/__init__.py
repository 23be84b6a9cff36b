"""How well concurrency laws find a provider's hidden limits, played in virtual time.

`scenario` says what a row is, `scenarios` and `neighbours` list them in the words of `plans`;
`engine` plays a law against the simulator's capacity model, `record` counts what happens; `laws`
has ours and other systems'; `run` takes means over seeds, `table` and `cli` show them.
"""
