#!/usr/bin/env bash
# Checks what the stack needs, before the apply creates what takes time or money.
#
#   PROJECT  of the stack
#   APIS     names of the APIs that the stack calls
set -euo pipefail

fail() {
  echo "preflight: error: $*" >&2
  exit 1
}

command -v gcloud >/dev/null ||
  fail "no gcloud CLI here, which runs the migrations. Install it, or set run_migrations = false."

found=$(gcloud projects describe "${PROJECT}" --format='value(projectId)' --quiet 2>&1) ||
  fail "gcloud can not access the project ${PROJECT}: ${found##*$'\n'} Run gcloud auth login."

enabled=$(gcloud services list --enabled --project "${PROJECT}" --format='value(config.name)' --quiet 2>&1) ||
  fail "gcloud can not list the APIs of ${PROJECT}: ${enabled##*$'\n'}"

missing=()
for api in ${APIS}; do
  grep -qxF "${api}" <<<"${enabled}" || missing+=("${api}")
done
[ "${#missing[@]}" -eq 0 ] ||
  fail "the project ${PROJECT} lacks APIs. Run: gcloud services enable ${missing[*]} --project ${PROJECT}"

echo "preflight: gcloud can access ${PROJECT}, which has all APIs"
