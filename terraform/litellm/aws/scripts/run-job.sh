#!/usr/bin/env bash
# Runs one job as an ECS task and waits for it. Fails unless its container exits with 0.
#
#   RUN_COMMAND  the aws ecs run-task command of the output
#   CLUSTER, REGION, CONTAINER, LOG_GROUP
#   TIMEOUT      maximum wait in seconds, 1800 by default. The waiter of the AWS CLI
#                has a limit of ten minutes.
set -euo pipefail

timeout="${TIMEOUT:-1800}"
interval="${INTERVAL:-5}"
attempts=4
task=""

say() { echo "${CONTAINER}: $*"; }

fail() {
  if [ -n "${task}" ]; then
    aws logs get-log-events --region "${REGION}" --log-group-name "${LOG_GROUP}" \
      --log-stream-name "${CONTAINER}/${CONTAINER}/${task##*/}" --limit 40 \
      --query 'join(`\n`, events[].message)' --output text || true
  fi >&2
  say "error: $*. Its log is in ${LOG_GROUP} (${REGION})." >&2
  exit 1
}

start() {
  local reply reason
  reply=$(eval "${RUN_COMMAND}" --started-by terraform \
    --query "'[tasks[0].taskArn, failures[0].reason]'" --output text) || return 1
  read -r task reason <<<"${reply}"
  if [ "${task}" = None ]; then
    task=""
    say "not started: ${reason}" >&2
    return 1
  fi
  say "started ${task}"
}

wait_for_end() {
  local status deadline=$((SECONDS + timeout))
  while :; do
    status=$(aws ecs describe-tasks --region "${REGION}" --cluster "${CLUSTER}" --tasks "${task}" \
      --query 'tasks[0].lastStatus' --output text) || status=unknown
    [ "${status}" != STOPPED ] || return 0
    [ "${SECONDS}" -lt "${deadline}" ] || fail "still ${status} after ${timeout} s"
    sleep "${interval}"
  done
}

if ! command -v aws >/dev/null; then
  say "error: no aws CLI here. Install it, or set run_migrations = false and run by hand:" >&2
  echo "${RUN_COMMAND}" >&2
  exit 1
fi

# A new role or route may not be effective yet. ECS then rejects the task, or the task
# stops before its container runs. The script retries both, but not an exit code of the
# container.
reason="could not be started"
for ((attempt = 1; attempt <= attempts; attempt++)); do
  [ "${attempt}" -eq 1 ] || sleep "$((interval * 2 ** attempt))"
  start || continue
  wait_for_end
  described=$(aws ecs describe-tasks --region "${REGION}" --cluster "${CLUSTER}" --tasks "${task}" \
    --query "tasks[0].[containers[?name=='${CONTAINER}'].exitCode | [0], stoppedReason]" --output text)
  read -r code reason <<<"${described}"
  case "${code}" in
    0)
      say "done"
      exit 0
      ;;
    None) say "stopped before it ran: ${reason}" >&2 ;;
    *) fail "exited with ${code} (${reason})" ;;
  esac
done
fail "${reason}"
