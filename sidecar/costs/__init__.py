"""`llm-sidecar costs`: what would a workload cost, model by model? An estimate from list prices."""
