#!/usr/bin/env bash
# Lints the chart, validates what it renders, and compares that with the copies in deploy/helm/rendered, which the specs start.
# usage: deploy/check/chart.sh FOLDER [--write]     FOLDER gets helm and kubeconform; --write renews the copies
set -euo pipefail
cd "$(dirname "$0")/../.."
HELM=v3.22.0 KUBECONFORM=v0.8.0 KUBERNETES=1.37.0
folder=$(mkdir -p "$1" && cd "$1" && pwd)
chart=deploy/helm/meetinity-user-service

# Exit code 77: this machine cannot run the check.
command -v go >/dev/null || { [ -z "${CI:-}" ] && exit 77 || exit 1; }
export GOBIN=$folder GOFLAGS=
[ -x "$folder/helm" ] || go install "helm.sh/helm/v3/cmd/helm@$HELM"
[ -x "$folder/kubeconform" ] || go install "github.com/yannh/kubeconform/cmd/kubeconform@$KUBECONFORM"
export HELM_CACHE_HOME=$folder HELM_CONFIG_HOME=$folder HELM_DATA_HOME=$folder

for name in default meetinity; do
  values=()
  [ $name = default ] || values=(--values "$chart/values-$name.yaml")
  "$folder/helm" lint --strict --quiet "$chart" "${values[@]}"
  "$folder/helm" template user-service "$chart" --kube-version $KUBERNETES "${values[@]}" >"$folder/$name.yaml"
  # No schema of the ServiceMonitor is at hand; test/release/chart.spec.ts checks that it selects a Service with its port.
  "$folder/kubeconform" -strict -summary -skip ServiceMonitor \
    -schema-location 'deploy/check/schemas/{{.ResourceKind}}{{.KindSuffix}}.json' "$folder/$name.yaml"
  [ "${2:-}" != --write ] || cp "$folder/$name.yaml" deploy/helm/rendered/
  diff -u "deploy/helm/rendered/$name.yaml" "$folder/$name.yaml" || {
    echo "deploy/helm/rendered/$name.yaml is old: run deploy/check/chart.sh FOLDER --write"
    exit 1
  }
done
