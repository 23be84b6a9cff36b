{{/* A quantity of `sidecar.resources` as a number; the schema lets no other form pass. */}}
{{- define "llm-sidecar.quantity" -}}
{{- $text := include "llm-sidecar.text" . -}}
{{- $number := regexFind "^[0-9.]+" $text -}}
{{- $scales := dict "" 1 "m" 0.001
  "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000
  "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- mulf (float64 $number) (get $scales (trimPrefix $number $text)) -}}
{{- end -}}

{{/* Everything that the schema cannot refuse: values that contradict each other or the cluster. */}}
{{- define "llm-sidecar.validate" -}}
{{- include "llm-sidecar.validateInjection" . -}}
{{- include "llm-sidecar.validateSidecar" . -}}
{{- include "llm-sidecar.validateResources" . -}}
{{- include "llm-sidecar.validateMetrics" . -}}
{{- end -}}

{{- define "llm-sidecar.validateInjection" -}}
{{- $injection := .Values.injection -}}
{{- $mode := include "llm-sidecar.injectionMode" . -}}
{{- $version := semver .Capabilities.KubeVersion.Version -}}
{{- $this := printf "this is %d.%d" $version.Major $version.Minor -}}
{{- if and (eq $mode "policy") (lt $version.Minor 36) -}}
{{- fail (printf "injection.mode=policy needs Kubernetes 1.36 or newer, %s: set injection.mode=webhook" $this) -}}
{{- end -}}
{{- if and (ne $mode "none") (eq $injection.requireSidecar "deny") (lt $version.Minor 30) -}}
{{- fail (printf "injection.requireSidecar=deny needs Kubernetes 1.30 or newer, %s: set injection.requireSidecar=off" $this) -}}
{{- end -}}
{{- if and (eq $mode "none") .Values.demo.enabled -}}
{{- fail "demo.enabled=true shows the injection, and injection.mode=none has none: set injection.mode=auto" -}}
{{- end -}}
{{- if eq $mode "webhook" -}}
{{- $certs := .Values.injector.certs -}}
{{- if eq $certs.mode "existingSecret" -}}
{{- range $key := list "name" "caBundle" -}}
{{- if not (index $certs.existingSecret $key) -}}
{{- fail (printf "injector.certs.mode=existingSecret leaves the webhook without a certificate source: set injector.certs.existingSecret.%s" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if eq (int .Values.injector.port) (int .Values.sidecar.adminPort) -}}
{{- fail "injector.port and sidecar.adminPort are ports of the same pod, the webhook server's: set different ones" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Names of the upstreams that the sidecar knows, as YAML list; own ones are a JSON object or `name=url,name:dialect=url`. */}}
{{- define "llm-sidecar.upstreams" -}}
{{- $names := (.Files.Get "files/upstreams.yaml" | fromYaml).upstreams -}}
{{- $own := (include "llm-sidecar.literals" . | fromYaml).SIDECAR_UPSTREAM_URLS | default "" | trim -}}
{{- range (hasPrefix "{" $own | ternary (keys (fromJson $own) | sortAlpha) (splitList "," $own)) -}}
{{- $names = append $names (regexReplaceAll "[:=].*" . "" | trim) -}}
{{- end -}}
{{- toYaml (without $names "" | uniq) -}}
{{- end -}}

{{- define "llm-sidecar.validateSidecar" -}}
{{- $sidecar := .Values.sidecar -}}
{{- if eq (int $sidecar.port) (int $sidecar.adminPort) -}}
{{- fail "sidecar.port and sidecar.adminPort are ports of the same container: set different ones" -}}
{{- end -}}
{{- $given := keys $sidecar.env -}}
{{- range $sidecar.extraEnv -}}
{{- $given = append $given .name -}}
{{- end -}}
{{- range $name, $value := dict "SIDECAR_PROXY_PORT" "sidecar.port" "SIDECAR_ADMIN_PORT" "sidecar.adminPort" -}}
{{- if has $name $given -}}
{{- fail (printf "%s alone would not reach the container's ports: set %s" $name $value) -}}
{{- end -}}
{{- end -}}
{{- $limits := include "llm-sidecar.limits" . | fromYaml -}}
{{- $minimum := $limits.SIDECAR_LIMIT_MIN | default 1 | int -}}
{{- $maximum := $limits.SIDECAR_LIMIT_MAX | default 256 | int -}}
{{- if gt $minimum $maximum -}}
{{- fail (printf "sidecar.config.minLimit is %d, above sidecar.config.maxLimit, which is %d: set it lower" $minimum $maximum) -}}
{{- end -}}
{{- with $limits.SIDECAR_LIMIT_INITIAL -}}
{{- if or (lt (int .) $minimum) (gt (int .) $maximum) -}}
{{- fail (printf "sidecar.config.initialLimit is %v: set it to between %d and %d, the lowest and the highest limit" . $minimum $maximum) -}}
{{- end -}}
{{- end -}}
{{- $literals := include "llm-sidecar.literals" . | fromYaml -}}
{{- $isElsewhere := eq "" (dig "SIDECAR_UPSTREAM_URLS" "none" $literals) -}}
{{- with $literals.SIDECAR_UPSTREAM_DEFAULT -}}
{{- $known := include "llm-sidecar.upstreams" $ | fromYamlArray -}}
{{- if not (or $isElsewhere (has . $known)) -}}
{{- fail (printf "sidecar.config.defaultUpstream is %s, which is not an upstream: set one of %s, or add it to sidecar.config.upstreams" . (join ", " $known)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "llm-sidecar.validateResources" -}}
{{- $resources := .Values.sidecar.resources -}}
{{- range $resource := list "cpu" "memory" -}}
{{- $request := dig "requests" $resource "" $resources -}}
{{- $limit := dig "limits" $resource "" $resources -}}
{{- if not $request -}}
{{- fail (printf "a sidecar without requests breaks the autoscaler of the app beside it: set sidecar.resources.requests.%s" $resource) -}}
{{- end -}}
{{- if $limit -}}
{{- if gt (include "llm-sidecar.quantity" $request | float64) (include "llm-sidecar.quantity" $limit | float64) -}}
{{- fail (printf "sidecar.resources.requests.%s is above the limit, so that every pod would be refused: set sidecar.resources.limits.%s higher" $resource $resource) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with dig "limits" "memory" "" $resources -}}
{{- $held := (include "llm-sidecar.settings" $ | fromYaml).SIDECAR_PROXY_MAX_BUFFERED_BYTES -}}
{{- if ge (float64 $held) (include "llm-sidecar.quantity" . | float64) -}}
{{- fail (printf "sidecar.config.maxBufferedBytes is %s, and the memory limit %v: set it well below, or sidecar.resources.limits.memory higher" $held .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "llm-sidecar.validateMetrics" -}}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled -}}
{{- fail "podMonitor and serviceMonitor would have every pod scraped twice: set one of podMonitor.enabled and serviceMonitor.enabled to false" -}}
{{- end -}}
{{- $autoscaling := .Values.autoscaling -}}
{{- if and (eq $autoscaling.provider "keda") (not $autoscaling.keda.serverAddress) -}}
{{- fail "autoscaling.provider=keda asks Prometheus itself: set autoscaling.keda.serverAddress" -}}
{{- end -}}
{{- $seen := list -}}
{{- range $autoscaling.targets -}}
{{- if gt (default 1 .minReplicas | int) (int .maxReplicas) -}}
{{- fail (printf "autoscaling.targets: minReplicas of %s is above its maxReplicas: set it lower" .name) -}}
{{- end -}}
{{- $workload := printf "%s/%s" (default $.Release.Namespace .namespace) .name -}}
{{- if has $workload $seen -}}
{{- fail (printf "autoscaling.targets: two autoscalers of the name %s would work against each other: set one" $workload) -}}
{{- end -}}
{{- $seen = append $seen $workload -}}
{{- end -}}
{{- end -}}
