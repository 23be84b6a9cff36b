module llm-sidecar/tools/crds

go 1.26.0

// Nothing of these is built: their custom resource definitions are read.
require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/kedacore/keda/v2 v2.21.0
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
