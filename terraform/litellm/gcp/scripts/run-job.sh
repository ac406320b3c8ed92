#!/usr/bin/env bash
# Runs one Cloud Run job and waits for it. Fails unless the job succeeds. Cancels the
# execution if this script is interrupted.
#
#   RUN_COMMAND  the gcloud run jobs execute command of the output
#   JOB, PROJECT, REGION
#   TIMEOUT      maximum wait for an execution of an earlier apply in seconds, 1800 by default
set -euo pipefail

timeout="${TIMEOUT:-1800}"
interval="${INTERVAL:-5}"

say() { echo "${JOB}: $*"; }

executions() {
  local operation=$1
  shift
  gcloud run jobs executions "${operation}" "$@" --project "${PROJECT}" --region "${REGION}" --quiet
}

running() {
  executions list --job "${JOB}" --filter='NOT status.completionTime:*' \
    --format='value(metadata.name)' 2>/dev/null || true
}

# shellcheck disable=SC2317 # The traps call it.
stop() {
  local name
  trap - INT TERM
  kill "${runner}" 2>/dev/null || true
  for name in $(running); do
    say "cancels ${name}" >&2
    executions cancel "${name}" >/dev/null || true
  done
  exit 1
}

if ! command -v gcloud >/dev/null; then
  say "error: no gcloud CLI here. Install it, or set run_migrations = false and run by hand:" >&2
  echo "${RUN_COMMAND}" >&2
  exit 1
fi

# An execution of an earlier apply may still change the database.
deadline=$((SECONDS + timeout))
while others=$(running) && [ -n "${others}" ]; do
  say "waits for ${others} of an earlier apply"
  if [ "${SECONDS}" -ge "${deadline}" ]; then
    say "error: ${others} still runs after ${timeout} s" >&2
    exit 1
  fi
  sleep "${interval}"
done

# bash runs a trap only between commands, so gcloud runs in the background. With exec
# the trap ends gcloud itself, not a shell around it.
eval "exec ${RUN_COMMAND}" --quiet &
runner=$!
trap stop INT TERM
if ! wait "${runner}"; then
  say "error: the job failed. Fix the cause and apply again. Its log:" >&2
  echo "gcloud beta run jobs logs read ${JOB} --project ${PROJECT} --region ${REGION}" >&2
  exit 1
fi
say "done"
