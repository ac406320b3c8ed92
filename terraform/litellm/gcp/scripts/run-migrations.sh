#!/usr/bin/env bash
# Runs the migrations job and waits for it. Called by terraform apply with JOB,
# PROJECT, REGION and, for the messages, COMMAND in the environment.
set -euo pipefail

: "${JOB:?}" "${PROJECT:?}" "${REGION:?}" "${COMMAND:?}"

if ! command -v gcloud >/dev/null 2>&1; then
  cat >&2 <<EOF
The migrations need the gcloud CLI, and there is none on this machine. Set
run_migrations = false, apply, and run where there is one:
  ${COMMAND}
EOF
  exit 1
fi

if ! gcloud run jobs execute "$JOB" --project "$PROJECT" --region "$REGION" --wait --quiet; then
  cat >&2 <<EOF
The migrations failed. Their log:
  gcloud beta run jobs logs read ${JOB} --project ${PROJECT} --region ${REGION}
Apply again when the cause is mended, or run:
  ${COMMAND}
EOF
  exit 1
fi
