#!/usr/bin/env bash
# Checks the rules for Prometheus, and runs their tests. With CI set, root installs promtool, from Debian's package prometheus.
set -euo pipefail
cd "$(dirname "$0")/../alerts"
if ! command -v promtool >/dev/null; then
  # Exit code 77: this machine cannot run the check.
  [ -n "${CI:-}" ] || exit 77
  export DEBIAN_FRONTEND=noninteractive
  apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends prometheus >/dev/null
fi
promtool check rules meetinity-user-service.yaml
promtool test rules tests.yaml
