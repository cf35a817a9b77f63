{{/*
An image from {image, root}: the repository, with its registry replaced if another one is wished, and the digest, or the
tag.
*/}}
{{- define "waggle.image" -}}
{{- $repository := .image.repository }}
{{- with default .root.Values.global.imageRegistry .image.registry }}
{{- $repository = printf "%s/%s" . (regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $repository "") }}
{{- end }}
{{- if .image.digest }}
{{- printf "%s@%s" $repository .image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (default .root.Chart.AppVersion .image.tag | toString) }}
{{- end }}
{{- end }}

{{/* Pull secrets as YAML from {secrets, root}, with the global ones; entries are names or {name: …}. */}}
{{- define "waggle.pullSecrets" -}}
{{- $names := list }}
{{- range concat .root.Values.global.imagePullSecrets .secrets }}
{{- if kindIs "map" . }}
{{- $names = append $names .name }}
{{- else }}
{{- $names = append $names . }}
{{- end }}
{{- end }}
{{- range uniq $names }}
- name: {{ . | quote }}
{{- end }}
{{- end }}
