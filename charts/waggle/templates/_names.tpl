{{- define "waggle.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* A name of the release's own: without dots, which names of Services do not have, and with room for a suffix. */}}
{{- define "waggle.fullname" -}}
{{- $name := include "waggle.name" . }}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- default $full .Values.fullnameOverride | replace "." "-" | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* Name of what belongs to no namespace: two releases of one name differ in theirs. A colon is in no release's name. */}}
{{- define "waggle.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "waggle.fullname" .) }}
{{- end }}

{{- define "waggle.serviceAccountName" -}}
{{- default (ternary (include "waggle.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "waggle.selector" -}}
app.kubernetes.io/name: {{ include "waggle.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "waggle.labels" -}}
{{- $labels := dict "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") }}
{{- $_ := set $labels "app.kubernetes.io/version" (.Chart.AppVersion | toString) }}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .Release.Service }}
{{- $_ := set $labels "app.kubernetes.io/part-of" "waggle" }}
{{- $labels = mergeOverwrite $labels (deepCopy .Values.commonLabels) (include "waggle.selector" . | fromYaml) }}
{{- toYaml $labels }}
{{- end }}

{{/* What selects the pods of all servers that the controller has made. */}}
{{- define "waggle.serverSelector" -}}
app.kubernetes.io/name: waggle-server
app.kubernetes.io/managed-by: waggle-controller
{{- end }}

{{/* Namespace of what `helm test` makes: one that the controller watches. */}}
{{- define "waggle.testNamespace" -}}
{{- if or (not .Values.watchNamespaces) (has .Release.Namespace .Values.watchNamespaces) }}
{{- .Release.Namespace }}
{{- else }}
{{- first .Values.watchNamespaces }}
{{- end }}
{{- end }}
