{{- define "mneme.name" -}}
{{- if contains "mneme" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-mneme" .Release.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}
{{- define "mneme.selector" -}}
app.kubernetes.io/name: mneme
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "mneme.labels" -}}
{{ include "mneme.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}
{{- define "mneme.config" -}}
server:
  listen: 0.0.0.0:7411
  drain_seconds: {{ .Values.drainSeconds }}
  grace_seconds: {{ .Values.graceSeconds }}
  {{- if .Values.allowInsecure }}
  allow_insecure: true
  {{- end }}
http:
  listen: 0.0.0.0:7412
  {{- if .Values.tls.secret }}
  tls: true
  {{- end }}
data:
  dir: /var/lib/mneme/data
  backup_dir: /var/lib/mneme/backups
log:
  format: json
{{- if .Values.tls.secret }}
tls:
  certificate: /etc/mneme-tls/tls.crt
  key: /etc/mneme-tls/tls.key
  {{- if eq .Values.tls.clientCertificates "required" }}
  client_ca: /etc/mneme-tls/ca.crt
  client_certificates: required
  {{- end }}
{{- end }}
{{- if .Values.auth.secret }}
auth:
  file: /etc/mneme-auth/auth.yaml
{{- end }}
{{- end }}
