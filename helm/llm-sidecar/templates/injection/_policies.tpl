{{/* `matchConstraints` of a policy for the pods that ask for the sidecar. */}}
{{- define "llm-sidecar.labelledPods" -}}
resourceRules:
  - apiGroups: [""]
    apiVersions: [v1]
    operations: [CREATE]
    resources: [pods]
namespaceSelector:
  {{- toYaml .Values.injection.namespaceSelector | nindent 2 }}
objectSelector:
  matchLabels:
    llm-sidecar.io/inject: "true"
{{- end -}}

{{/*
CEL variables that read a pod's `llm-sidecar.io/` annotations, the same for the policy that obeys them and the one that
warns about them. Their keys are without the prefix.
*/}}
{{- define "llm-sidecar.annotationVariables" -}}
{{- $patterns := dict -}}
{{- $table := .Files.Get "files/annotations.yaml" | fromYaml -}}
{{- range $table.annotations -}}
{{- $_ := set $patterns .key .pattern -}}
{{- end -}}
{{- $limits := include "llm-sidecar.limits" . | fromYaml -}}
{{- $maximum := default 256 $limits.SIDECAR_LIMIT_MAX | toJson -}}
{{- $minimum := default 1 $limits.SIDECAR_LIMIT_MIN | toJson -}}
{{- $upstreams := (.Files.Get "files/upstreams.yaml" | fromYaml).upstreams -}}
{{- $default := (include "llm-sidecar.literals" . | fromYaml).SIDECAR_UPSTREAM_DEFAULT | default "openai" -}}
{{- $resources := dict -}}
{{- range $kind, $amounts := .Values.sidecar.resources -}}
{{- range $resource, $amount := $amounts -}}
{{- $_ := set $resources (printf "%s-%s" $resource (trimSuffix "s" $kind)) (include "llm-sidecar.text" $amount) -}}
{{- end -}}
{{- end -}}
- name: annotations
  expression: >-
    object.metadata.?annotations.orValue({})
- name: patterns
  expression: >-
    {{ include "llm-sidecar.cel" $patterns }}
- name: wellFormed
  expression: >-
    variables.patterns.transformMap(key, pattern,
      ("llm-sidecar.io/" + key) in variables.annotations
        && variables.annotations["llm-sidecar.io/" + key].size() <= {{ $table.maxLength }}
        && variables.annotations["llm-sidecar.io/" + key].matches(pattern),
      variables.annotations["llm-sidecar.io/" + key])
- name: upstreams
  expression: >-
    variables.wellFormed[?"upstreams"].orValue("").split(",").map(upstream, upstream.split("=")[0].split(":")[0])
- name: maximum
  expression: >-
    int(variables.wellFormed[?"max-concurrency"].orValue("{{ $maximum }}"))
- name: minimum
  expression: >-
    [{{ $minimum }}, variables.maximum].min()
- name: resources
  expression: >-
    {{ include "llm-sidecar.cel" $resources }}
- name: overcommitted
  expression: >-
    has(object.spec.resources) ? ["cpu", "memory"] : ["cpu", "memory"].filter(resource,
      [[
        variables.wellFormed[?(resource + "-request")].or(variables.resources[?(resource + "-request")]),
        variables.wellFormed[?(resource + "-limit")].or(variables.resources[?(resource + "-limit")])
      ]].exists(pair, pair.all(amount, amount.hasValue())
        && quantity(pair[0].value()).isGreaterThan(quantity(pair[1].value()))))
- name: valid
  expression: >-
    variables.wellFormed.transformMap(key, value,
      key == "upstreams" ? size(variables.upstreams) == size(variables.upstreams.distinct())
        {{- if not (has $default $upstreams) }} && {{ toJson $default }} in variables.upstreams{{ end }}
      : key == "initial-limit" ? variables.minimum <= int(value) && int(value) <= variables.maximum
      : !variables.overcommitted.exists(resource, key in [resource + "-request", resource + "-limit"]),
      value)
- name: selected
  expression: >-
    (object.spec.containers + object.spec.?initContainers.orValue([])).map(c, c.name).filter(name, name != "llm-sidecar"
      && (!("containers" in variables.valid) || name in variables.valid["containers"].split(",")))
{{- end -}}
