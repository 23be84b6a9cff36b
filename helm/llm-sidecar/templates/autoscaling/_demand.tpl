{{/* How far back a gauge is looked for: one missed scrape is bridged, a pod that has gone is soon forgotten. */}}
{{- define "llm-sidecar.scrapeWindow" -}}
{{- $monitor := ternary .Values.serviceMonitor .Values.podMonitor .Values.serviceMonitor.enabled -}}
{{- printf "%ds" (mul 2 (trimSuffix "s" $monitor.interval)) -}}
{{- end -}}

{{/*
The workload's sum of a gauge, for `dict "gauge" … "target" … "root" $`.
0 where its pods are scraped and none has made a call yet; nothing where none is scraped, so that a
Prometheus that has lost them does not look like a quiet night.
*/}}
{{- define "llm-sidecar.workloadSum" -}}
{{- $pods := printf "namespace=%q,pod=~%q" (default .root.Release.Namespace .target.namespace) (include "llm-sidecar.podPattern" .target) -}}
{{- $window := include "llm-sidecar.scrapeWindow" .root -}}
{{- printf "sum(max_over_time(%s{%s}[%s])) or 0 * sum(max_over_time(ai_api_build_info{%s}[%s]))" .gauge $pods $window $pods $window -}}
{{- end -}}

{{/*
Names of a target's pods and of no other workload's: "web" is not to count the pods of "web-batch".
Kubernetes makes a Deployment's suffixes from these letters only, and cuts long names before the last.
*/}}
{{- define "llm-sidecar.podPattern" -}}
{{- $name := replace "." "[.]" .name -}}
{{- if eq (default "Deployment" .kind) "StatefulSet" -}}
{{- printf "%s-[0-9]+" $name -}}
{{- else -}}
{{- $letter := "[bcdfghjklmnpqrstvwxz2456789]" -}}
{{- printf "%s-%s+-?%s{5}" $name $letter $letter -}}
{{- end -}}
{{- end -}}

{{/*
How fast a target is scaled unless it says otherwise: new pods begin with a small limit and must find
the provider's first, so that churn costs quota. A percentage moves one pod at least.
*/}}
{{- define "llm-sidecar.scalingBehavior" -}}
scaleUp:
  stabilizationWindowSeconds: 60
  policies:
    - type: Percent
      value: 50
      periodSeconds: 60
scaleDown:
  stabilizationWindowSeconds: 300
  policies:
    - type: Percent
      value: 20
      periodSeconds: 60
{{- end -}}
