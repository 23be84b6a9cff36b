{{- define "llm-sidecar.alertLabels" -}}
{{- with .Values.prometheusRule.alertLabels -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{/*
Where a counter has grown within five minutes. `increase` does not see a counter's first value, and
these begin when first counted: a series that was not there five minutes ago, though its pod was
scraped, has grown by all of it.
*/}}
{{- define "llm-sidecar.grown" -}}
{{- $labels := ternary "namespace, upstream, model, reason" "namespace, upstream, model" (contains "reason!~" .) -}}
sum by ({{ $labels }}) (
  ({{ . }} unless {{ . }} offset 5m) and on (namespace, pod) ai_api_build_info offset 5m
  or increase({{ . }}[5m])
) > 0
{{- end -}}

{{/* Of the calls that wait, the part that waits for the provider and not for this pod. */}}
{{- define "llm-sidecar.shareBehindProvider" -}}
sum by (namespace, upstream, model) (avg_over_time(ai_api_queue_depth[5m]) * avg_over_time(ai_api_upstream_limited[5m]))
/ sum by (namespace, upstream, model) (avg_over_time(ai_api_queue_depth[5m]))
{{- end -}}

{{/* Condition: the queue is worth a word, one call at least and a quarter of what is in flight. */}}
{{- define "llm-sidecar.whereCallsWait" -}}
and sum by (namespace, upstream, model) (avg_over_time(ai_api_queue_depth[5m])) >= 1
and sum by (namespace, upstream, model) (avg_over_time(ai_api_queue_depth[5m]))
  > 0.25 * sum by (namespace, upstream, model) (avg_over_time(ai_api_active_concurrency[5m]))
{{- end -}}
