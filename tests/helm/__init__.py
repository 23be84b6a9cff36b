"""The chart, rendered by real Helm and held against the schemas of Kubernetes."""
