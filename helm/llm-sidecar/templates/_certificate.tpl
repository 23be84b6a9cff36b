{{/* Name of the Secret with the webhook server's certificate; every source has its own, so that one can follow another. */}}
{{- define "llm-sidecar.certificateSecret" -}}
{{- $fullname := include "llm-sidecar.fullname" . -}}
{{- get (dict
  "helm" (printf "%s-injector-tls" $fullname)
  "certManager" (printf "%s-injector-certificate" $fullname)
  "existingSecret" .Values.injector.certs.existingSecret.name
) .Values.injector.certs.mode -}}
{{- end -}}

{{/* YAML list of the names the API server may call the webhook server by. */}}
{{- define "llm-sidecar.certificateNames" -}}
{{- $service := printf "%s-injector.%s.svc" (include "llm-sidecar.fullname" .) .Release.Namespace -}}
- {{ $service }}
- {{ $service }}.cluster.local
{{- end -}}

{{/*
A certificate made by Helm, as YAML: `expires`, and the `data` of its Secret. Include it once per
render: without a Secret in the cluster every call makes another one.

The Secret in the cluster is kept, and in the second half of its life renewed with the authority
it has. So `caBundle` stays what it is, and the old certificate remains trusted for the minute until
the kubelet brings the new one to the pods. This is also why the authority outlives everything.
*/}}
{{- define "llm-sidecar.certificate" -}}
{{- $secret := lookup "v1" "Secret" .Release.Namespace (include "llm-sidecar.certificateSecret" .) -}}
{{- if and .Release.IsUpgrade (not $secret) -}}
{{- /* Is there no Secret yet, or is no cluster seen? This account is in every namespace. */ -}}
{{- if not (lookup "v1" "ServiceAccount" .Release.Namespace "default") -}}
{{- fail "injector.certs.mode=helm keeps its certificate by reading the cluster, and this upgrade sees none (helm template, Argo CD, --dry-run=client): set injector.certs.mode=certManager or existingSecret, or injection.mode=policy; for a dry run take --dry-run=server" -}}
{{- end -}}
{{- end -}}
{{- $layout := "2006-01-02T15:04:05Z07:00" -}}
{{- $expires := dig "metadata" "annotations" "llm-sidecar.io/certificate-expires" "" $secret -}}
{{- $days := int .Values.injector.certs.validityDays -}}
{{- if (toDate $layout $expires).After (now | dateModify (printf "%dh" (mul 12 $days))) -}}
expires: {{ $expires | quote }}
data: {{- toYaml $secret.data | nindent 2 }}
{{- else -}}
{{- $service := printf "%s-injector" (include "llm-sidecar.fullname" .) -}}
{{- $authority := dict -}}
{{- if $secret -}}
{{- $authority = buildCustomCert (index $secret.data "ca.crt") (index $secret.data "ca.key") -}}
{{- else -}}
{{- $authority = genCA (printf "%s-ca" $service) 36500 -}}
{{- end -}}
{{- $names := include "llm-sidecar.certificateNames" . | fromYamlArray -}}
{{- $certificate := genSignedCert $service nil $names $days $authority -}}
expires: {{ dateInZone $layout (now | dateModify (printf "%dh" (mul 24 $days))) "UTC" | quote }}
data:
  ca.crt: {{ b64enc $authority.Cert }}
  ca.key: {{ b64enc $authority.Key }}
  tls.crt: {{ b64enc $certificate.Cert }}
  tls.key: {{ b64enc $certificate.Key }}
{{- end -}}
{{- end -}}
