#!/usr/bin/env bash
# Checks docker-compose.yml with compose-go, the library of `docker compose`, which needs no Docker.
# usage: deploy/check/compose.sh FOLDER     FOLDER gets the program
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(mkdir -p "$1" && cd "$1" && pwd)
# Exit code 77: this machine cannot run the check.
command -v go >/dev/null || { [ -z "${CI:-}" ] && exit 77 || exit 1; }
GOFLAGS= go build -C deploy/check/compose -trimpath -buildvcs=false -o "$folder/compose" .
# Of the secrets only the presence is checked here.
sed 's/^\(JWT_SECRET\|ENCRYPTION_KEYS\|\w*_PASSWORD\)=$/\1=checked/' .env.example >"$folder/env"
"$folder/compose" docker-compose.yml "$folder/env"
