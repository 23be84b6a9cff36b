{{/* A value as a CEL literal: JSON, but that CEL wants one type in a list or map; `dyn` hides that there are several. */}}
{{- define "llm-sidecar.cel" -}}
{{- if kindIs "map" . -}}
{
{{- range $index, $key := keys . | sortAlpha -}}
{{- if $index }}, {{ end -}}
{{ toJson $key }}: dyn({{ include "llm-sidecar.cel" (index $ $key) }})
{{- end -}}
}
{{- else if kindIs "slice" . -}}
[
{{- range $index, $item := . -}}
{{- if $index }}, {{ end -}}
dyn({{ include "llm-sidecar.cel" $item }})
{{- end -}}
]
{{- else -}}
{{ toJson . }}
{{- end -}}
{{- end -}}
