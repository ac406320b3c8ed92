#!/usr/bin/env bash
# Runs one Cloud Run job and waits for it. Fails unless the job succeeds.
#
#   RUN_COMMAND  the gcloud run jobs execute command of the output
#   JOB, PROJECT, REGION
set -euo pipefail

say() { echo "${JOB}: $*"; }

if ! command -v gcloud >/dev/null; then
  say "error: no gcloud CLI here. Install it, or set run_migrations = false and run by hand:" >&2
  echo "${RUN_COMMAND}" >&2
  exit 1
fi

if ! eval "${RUN_COMMAND}" --quiet; then
  say "error: the job failed. Fix the cause and apply again. Its log:" >&2
  echo "gcloud beta run jobs logs read ${JOB} --project ${PROJECT} --region ${REGION}" >&2
  exit 1
fi
say "done"
