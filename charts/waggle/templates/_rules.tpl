{{/* What the controller may do with servers and with the objects that it makes for them, wherever it watches. */}}
{{- define "waggle.rules" -}}
- apiGroups: [waggle.dev]
  resources: [mcpservers]
  verbs: [list, watch]
- apiGroups: [waggle.dev]
  resources: [mcpservers/status]
  verbs: [patch]
# What an owner reference with `blockOwnerDeletion` needs where that is checked (OpenShift).
- apiGroups: [waggle.dev]
  resources: [mcpservers/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [configmaps, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.envoyproxy.io]
  resources: [backendtrafficpolicies]
  verbs: [get, list, watch, create, patch, delete]
# Why a server is not ready stands in its pods.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- if .Values.rbac.readPullSecrets }}
# Pull secrets, by name, to read an image's entrypoint in its registry.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
{{- end }}
