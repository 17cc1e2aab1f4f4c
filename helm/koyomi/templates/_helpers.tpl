{{/* Name of the release's objects. */}}
{{- define "koyomi.name" -}}
{{- if contains "koyomi" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-koyomi" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Cluster-wide objects carry the namespace too: two releases of one name in two namespaces do not meet. */}}
{{- define "koyomi.clusterName" -}}
{{- if eq .Release.Namespace (include "koyomi.name" .) }}{{ include "koyomi.name" . }}{{ else }}{{ printf "%s-%s" .Release.Namespace (include "koyomi.name" .) }}{{ end }}
{{- end }}

{{- define "koyomi.selector" -}}
app.kubernetes.io/name: koyomi
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "koyomi.labels" -}}
{{ include "koyomi.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "koyomi.operatorImage" -}}
{{ .Values.operator.image | default (printf "%s/operator:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion)) }}
{{- end }}

{{- define "koyomi.runnerImage" -}}
{{ .Values.runner.image | default (printf "%s/job-runner:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion)) }}
{{- end }}
