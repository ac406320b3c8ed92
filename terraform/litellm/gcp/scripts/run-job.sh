#!/usr/bin/env bash
# Runs one job, of Cloud Run, to its end and fails unless it ends well.
#
#   RUN_COMMAND  the gcloud run jobs execute command line, as the output prints it
#   JOB, PROJECT, REGION
set -euo pipefail

say() { echo "${JOB}: $*"; }

if ! command -v gcloud >/dev/null; then
  say "error: no gcloud CLI here. Install it, or set run_migrations = false and run by hand:" >&2
  echo "${RUN_COMMAND}" >&2
  exit 1
fi

if ! eval "${RUN_COMMAND}" --quiet; then
  say "error: it failed. Mend the cause and apply again. Its log:" >&2
  echo "gcloud beta run jobs logs read ${JOB} --project ${PROJECT} --region ${REGION}" >&2
  exit 1
fi
say "done"
