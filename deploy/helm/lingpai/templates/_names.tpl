{{- define "lingpai.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 53 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "lingpai.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lingpai.labels" -}}
{{ include "lingpai.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "lingpai.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* TOML of the settings: tables are lists of `table.key = value` lines, values as JSON writes them, which TOML reads. */ -}}
{{- define "lingpai.toml" -}}
{{- $prefix := .prefix -}}
{{- range $key, $value := .values }}
{{- if kindIs "map" $value }}
{{- include "lingpai.toml" (dict "prefix" (printf "%s%s." $prefix ($key | toJson)) "values" $value) }}
{{- else }}
{{ $prefix }}{{ $key | toJson }} = {{ if and (kindIs "float64" $value) (eq (floor $value) $value) }}{{ int64 $value }}{{ else }}{{ $value | toJson }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "lingpai.pod" -}}
automountServiceAccountToken: false
# `LINGPAI_PORT=tcp://…` and its like, which the cluster would add for a service of this name.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
volumes:
  - name: settings
    configMap: {name: {{ include "lingpai.name" . }}}
  - name: secrets
    secret:
      secretName: {{ required "existingSecret is required: the name of a Secret with the keys of secretFiles" .Values.existingSecret }}
      defaultMode: 0440
  - name: scratch
    emptyDir: {medium: Memory, sizeLimit: {{ .Values.scratch }}}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "lingpai.container" -}}
image: {{ include "lingpai.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  {{- range $name, $key := .Values.secretFiles }}
  - {name: {{ $name }}, value: /etc/lingpai/secrets/{{ $key }}}
  {{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources: {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - {name: settings, mountPath: /etc/lingpai/lingpai.toml, subPath: lingpai.toml, readOnly: true}
  - {name: secrets, mountPath: /etc/lingpai/secrets, readOnly: true}
  - {name: scratch, mountPath: /var/lib/lingpai, subPath: data}
  - {name: scratch, mountPath: /tmp, subPath: tmp}
{{- end }}
