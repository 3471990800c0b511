{{- /* Where the agents are. */ -}}
{{- define "pullagent.namespace" -}}
{{ .Values.namespace.name | default .Release.Namespace }}
{{- end -}}

{{- /* Of every object. */ -}}
{{- define "pullagent.labels" -}}
app.kubernetes.io/name: pullagent
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{- /* Which pods are agents; a DaemonSet's selector never changes. */ -}}
{{- define "pullagent.selector" -}}
app.kubernetes.io/name: pullagent
app.kubernetes.io/component: agent
{{- end -}}

{{- define "pullagent.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* The settings file: what the mode needs, and over it what was asked for. */ -}}
{{- define "pullagent.settings" -}}
{{- $needed := dict "apiVersion" "pullagent.dev/v1" -}}
{{- if ne .Values.mode "probe-only" -}}
{{- $needed = set $needed "hostRoot" "/host" -}}
{{- end -}}
{{- if eq .Values.mode "kubelet-identity" -}}
{{- $needed = set $needed "kubernetes" (dict "identity" "kubelet") -}}
{{- end -}}
{{- toYaml (mergeOverwrite $needed (deepCopy .Values.settings)) -}}
{{- end -}}

{{- /* The ConfigMap bears the hash of what it holds: it is never changed, and a change rolls the agents. */ -}}
{{- define "pullagent.config" -}}
pullagent-settings-{{ include "pullagent.settings" . | sha256sum | trunc 10 }}
{{- end -}}
