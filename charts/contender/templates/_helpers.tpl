{{- define "contender.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Of selectors: never to be changed, a Deployment cannot change its own. */ -}}
{{- define "contender.selector" -}}
app.kubernetes.io/name: contender-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "contender.labels" -}}
{{ include "contender.selector" . }}
app.kubernetes.io/part-of: contender
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "contender.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* What the operator may do where it acts: what it does, and no more. Of Secrets it reads one, which it made. */ -}}
{{- define "contender.rules" -}}
- apiGroups: [contender.dev]
  resources: [modeldeployments]
  verbs: [list, watch]
- apiGroups: [contender.dev]
  resources: [modeldeployments/status, trials/status]
  verbs: [patch]
# What it makes names the ModelDeployment as the owner that waits for it, which some clusters allow only with this.
- apiGroups: [contender.dev]
  resources: [modeldeployments/finalizers]
  verbs: [update]
- apiGroups: [contender.dev]
  resources: [trials]
  verbs: [list, watch, create, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
# The ledger, which goes with its owners.
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, update]
# Patch: an annotation on a router pod, which makes its node deliver a new share at once.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
# Keys of receipts, and the root of the ledger's tokens: made once. A name cannot be asked for before the object is there.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [contender-ledger]
  verbs: [get]
{{- if .Values.gateway.enabled }}
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch]
{{- end }}
{{- end -}}
