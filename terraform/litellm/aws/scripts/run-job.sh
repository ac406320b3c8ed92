#!/usr/bin/env bash
# Runs one job as an ECS task and waits for it. Fails unless its container exits with 0.
# Stops the task if this script is interrupted or gives up.
#
#   RUN_COMMAND  the aws ecs run-task command of the output
#   CLUSTER, REGION, FAMILY, CONTAINER, LOG_GROUP
#   TIMEOUT      maximum wait in seconds, 1800 by default. The waiter of the AWS CLI
#                has a limit of ten minutes.
set -euo pipefail

timeout="${TIMEOUT:-1800}"
interval="${INTERVAL:-5}"
attempts=4
task=""
active=""
ran=""
errors=$(mktemp)

say() { echo "${CONTAINER}: $*"; }

ecs() {
  local operation=$1
  shift
  aws ecs "${operation}" --region "${REGION}" --cluster "${CLUSTER}" --output text "$@"
}

# Only a container that ran has a log.
fail() {
  local where=""
  if [ -n "${ran}" ]; then
    aws logs get-log-events --region "${REGION}" --log-group-name "${LOG_GROUP}" \
      --log-stream-name "${CONTAINER}/${CONTAINER}/${task##*/}" --limit 40 \
      --query 'join(`\n`, events[].message)' --output text >&2 || true
    where=" Its log is in ${LOG_GROUP} (${REGION})."
  fi
  say "error: $*.${where}" >&2
  exit 1
}

# shellcheck disable=SC2317 # The traps call it.
stop() {
  trap - EXIT INT TERM
  rm -f "${errors}"
  if [ -n "${active}" ]; then
    say "stops ${task}" >&2
    ecs stop-task --task "${task}" --reason "The apply ended before the job." >/dev/null || true
  fi
  exit 1
}
trap stop EXIT INT TERM

# A job of an earlier apply may still change the database.
wait_for_others() {
  local others deadline=$((SECONDS + timeout))
  while :; do
    others=$(ecs list-tasks --family "${FAMILY}" --desired-status RUNNING --query 'taskArns[0]') ||
      others=None
    [ "${others}" != None ] || return 0
    say "waits for ${others} of an earlier apply"
    [ "${SECONDS}" -lt "${deadline}" ] || fail "${others} still runs after ${timeout} s"
    sleep "${interval}"
  done
}

# Credentials do not become valid by themselves.
start() {
  local reply reason
  if ! reply=$(eval "${RUN_COMMAND}" --started-by terraform \
    --query "'[tasks[0].taskArn, failures[0].reason]'" --output text 2>"${errors}"); then
    reason=$(<"${errors}")
    say "not started: ${reason}" >&2
    case "${reason}" in
      *ExpiredToken* | *UnrecognizedClient* | *InvalidClientTokenId* | *AccessDenied* | *credentials*)
        fail "the aws CLI may not start it: ${reason##*$'\n'}"
        ;;
    esac
    return 1
  fi
  read -r task reason <<<"${reply}"
  if [ "${task}" = None ]; then
    task=""
    say "not started: ${reason}" >&2
    return 1
  fi
  active=yes
  say "started ${task}"
}

wait_for_end() {
  local status deadline=$((SECONDS + timeout))
  while :; do
    status=$(ecs describe-tasks --tasks "${task}" --query 'tasks[0].lastStatus') || status=unknown
    [ "${status}" != RUNNING ] || ran=yes
    if [ "${status}" = STOPPED ]; then
      active=""
      return 0
    fi
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
wait_for_others
reason="could not be started"
for ((attempt = 1; attempt <= attempts; attempt++)); do
  [ "${attempt}" -eq 1 ] || sleep "$((interval * 2 ** attempt))"
  start || continue
  wait_for_end
  described=$(ecs describe-tasks --tasks "${task}" \
    --query "tasks[0].[containers[?name=='${CONTAINER}'].exitCode | [0], stoppedReason]")
  read -r code reason <<<"${described}"
  case "${code}" in
    0)
      say "done"
      trap - EXIT
      rm -f "${errors}"
      exit 0
      ;;
    None) say "stopped before it ran: ${reason}" >&2 ;;
    *)
      ran=yes
      fail "exited with ${code} (${reason})"
      ;;
  esac
  task=""
done
fail "${reason}"
