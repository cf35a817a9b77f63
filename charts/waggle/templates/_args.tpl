{{/* The controller's command line, as a list. */}}
{{- define "waggle.args" -}}
{{- $args := list (printf "--proxy-image=%s" (include "waggle.image" (dict "image" .Values.proxy.image "root" .))) }}
{{- $args = append $args (printf "--proxy-pull-policy=%s" .Values.proxy.image.pullPolicy) }}
{{- range include "waggle.pullSecrets" (dict "secrets" .Values.proxy.imagePullSecrets "root" .) | fromYamlArray }}
{{- $args = append $args (printf "--proxy-pull-secret=%s" .name) }}
{{- end }}
{{- $args = append $args (printf "--proxy-resources=%s" (toJson .Values.proxy.resources)) }}
{{- $args = append $args (printf "--injection=%s" .Values.proxy.injection) }}
{{- $args = append $args (printf "--run-as=%s" (kindIs "invalid" .Values.servers.runAsUser | ternary "none" (.Values.servers.runAsUser | int64 | toString))) }}
{{- $args = append $args (printf "--cluster-domain=%s" .Values.clusterDomain) }}
{{- range uniq .Values.watchNamespaces }}
{{- $args = append $args (printf "--watch-namespaces=%s" .) }}
{{- end }}
{{- $args = append $args (printf "--namespace=%s" .Release.Namespace) }}
{{- $args = append $args (printf "--concurrency=%d" (int .Values.concurrency)) }}
{{- $args = append $args (printf "--resync=%s" .Values.resync) }}
{{- range .Values.registry.insecure }}
{{- $args = append $args (printf "--insecure-registry=%s" .) }}
{{- end }}
{{- if or .Values.registry.ca.existingSecret .Values.registry.ca.existingConfigMap }}
{{- $args = append $args "--registry-ca=/etc/waggle/registry-ca/ca.crt" }}
{{- end }}
{{- $args = append $args (printf "--leader-election=%t" .Values.leaderElection.enabled) }}
{{- if .Values.leaderElection.enabled }}
{{- $args = append $args (printf "--lease-name=%s" (include "waggle.fullname" .)) }}
{{- end }}
{{- $args = append $args (printf "--admin-listen=%s:%d" .Values.metrics.address (int .Values.metrics.port)) }}
{{- $args = append $args (printf "--log=%s" .Values.log.level) }}
{{- $args = append $args (printf "--log-format=%s" .Values.log.format) }}
{{- concat $args .Values.extraArgs | toYaml }}
{{- end }}
