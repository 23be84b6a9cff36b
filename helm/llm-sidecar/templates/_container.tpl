{{/* A setting's value as text; toJson, for toString writes 67108864 as 6.7108864e+07. */}}
{{- define "llm-sidecar.text" -}}
{{- ternary . (toJson .) (kindIs "string" .) -}}
{{- end -}}

{{/* Settings of the sidecar by name: those of `sidecar.env` win over those of `sidecar.config`. */}}
{{- define "llm-sidecar.settings" -}}
{{- $config := .Values.sidecar.config -}}
{{- $given := dict
  "SIDECAR_PROXY_PORT" .Values.sidecar.port
  "SIDECAR_PROXY_MAX_BUFFERED_BYTES" $config.maxBufferedBytes
  "SIDECAR_ADMIN_PORT" .Values.sidecar.adminPort
  "SIDECAR_UPSTREAM_URLS" $config.upstreams
  "SIDECAR_UPSTREAM_DEFAULT" $config.defaultUpstream
  "SIDECAR_LIMIT_INITIAL" $config.initialLimit
  "SIDECAR_LIMIT_MIN" $config.minLimit
  "SIDECAR_LIMIT_MAX" $config.maxLimit
  "SIDECAR_LIMIT_DECREASE" $config.decreaseFactor
  "SIDECAR_QUEUE_SIZE" $config.queueSize
  "SIDECAR_QUEUE_TIMEOUT" $config.queueTimeout
  "SIDECAR_LOG_LEVEL" $config.logLevel
  "SIDECAR_DRAIN_TIMEOUT" $config.drainTimeoutSeconds
  "SIDECAR_DRAIN_IDLE" 0
-}}
{{- $settings := dict -}}
{{- range $name, $value := merge (dict) .Values.sidecar.env $given -}}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) -}}
{{- $_ := set $settings $name (include "llm-sidecar.text" $value) -}}
{{- end -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* The sidecar's environment, every name once: `sidecar.extraEnv` wins over the settings. */}}
{{- define "llm-sidecar.env" -}}
{{- $settings := include "llm-sidecar.settings" . | fromYaml -}}
{{- range .Values.sidecar.extraEnv -}}
{{- $_ := unset $settings .name -}}
{{- end -}}
{{- range $name, $value := $settings }}
- name: {{ $name | quote }}
  value: {{ $value | quote }}
{{- end }}
{{- with .Values.sidecar.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What the container's environment says here; the empty text where it is read from elsewhere. */}}
{{- define "llm-sidecar.literals" -}}
{{- $literals := dict -}}
{{- range (include "llm-sidecar.env" . | fromYamlArray) -}}
{{- $_ := set $literals .name (default "" .value) -}}
{{- end -}}
{{- toYaml $literals -}}
{{- end -}}

{{/* Limits that the container's environment sets, by the name of the variable, as numbers. */}}
{{- define "llm-sidecar.limits" -}}
{{- $limits := dict -}}
{{- range $name, $value := include "llm-sidecar.literals" . | fromYaml -}}
{{- if and (hasPrefix "SIDECAR_LIMIT_" $name) (regexMatch "^[0-9]+$" $value) -}}
{{- $_ := set $limits $name (atoi $value) -}}
{{- end -}}
{{- end -}}
{{- toYaml $limits -}}
{{- end -}}

{{/*
THE sidecar container, an item of `initContainers`. The injection, the webhook and charts that depend on this one use it:
  initContainers:
    - {{ include "llm-sidecar.container" (index .Subcharts "llm-sidecar") | nindent 6 }}
*/}}
{{- define "llm-sidecar.container" -}}
{{- $sidecar := .Values.sidecar -}}
name: llm-sidecar
image: {{ include "llm-sidecar.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
restartPolicy: Always
ports:
  - name: llm-proxy
    containerPort: {{ $sidecar.port }}
    protocol: TCP
  - name: llm-metrics
    containerPort: {{ $sidecar.adminPort }}
    protocol: TCP
env:
  {{- include "llm-sidecar.env" . | nindent 2 }}
{{- with $sidecar.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml $sidecar.resources | nindent 2 }}
securityContext:
  {{- toYaml $sidecar.securityContext | nindent 2 }}
{{- range $probe := list "startupProbe" "readinessProbe" "livenessProbe" }}
{{- with index $sidecar $probe }}
{{ $probe }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
terminationMessagePolicy: FallbackToLogsOnError
{{- end -}}

{{/* What the app's containers get, an `env` list sorted by name. */}}
{{- define "llm-sidecar.appEnv" -}}
{{- $port := include "llm-sidecar.text" .Values.sidecar.port -}}
{{- range $name, $value := .Values.injection.appEnv }}
- name: {{ $name | quote }}
  value: {{ $value | replace "$(PORT)" $port | quote }}
{{- end }}
{{- end -}}

{{/* What a pod was injected with: it tells which pods an upgrade has not reached yet. */}}
{{- define "llm-sidecar.status" -}}
{{- $digest := printf "%s\n%s" (include "llm-sidecar.container" .) (include "llm-sidecar.appEnv" .) | sha256sum -}}
{{- printf "%s-%s" .Chart.AppVersion (trunc 8 $digest) -}}
{{- end -}}
