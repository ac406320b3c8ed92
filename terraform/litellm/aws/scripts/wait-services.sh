#!/usr/bin/env bash
# Waits until ECS has replaced the tasks of all services. Fails if it gives a deployment
# up, or rolls it back.
#
#   SERVICES  words NAME=TASK_DEFINITION=LOG_GROUP
#   CLUSTER, REGION
#   TIMEOUT   maximum wait in seconds, 1800 by default
set -euo pipefail

timeout="${TIMEOUT:-1800}"
interval="${INTERVAL:-10}"
deadline=$((SECONDS + timeout))
failed=""

ecs() {
  local operation=$1
  shift
  aws ecs "${operation}" --region "${REGION}" --cluster "${CLUSTER}" --output text "$@"
}

fail() {
  local service=$1 group=$2 reason=$3
  ecs describe-services --services "${service}" \
    --query 'join(`\n`, services[0].events[:5].message)' >&2 || true
  echo "${service}: error: never ran its new tasks: ${reason}." \
    "Its log is in ${group} (${REGION})." >&2
  failed=yes
}

# A deployment that has failed before this wait is of an earlier apply, so it starts again.
wait_for() {
  local service=$1 expected=$2 group=$3 definition rollout reason described first=yes
  while :; do
    described=$(ecs describe-services --services "${service}" --query \
      "services[0].deployments[?status=='PRIMARY'] | [0].[taskDefinition, rolloutState, rolloutStateReason]") ||
      described="${expected} unknown"
    read -r definition rollout reason <<<"${described}"
    if [ "${definition}" != "${expected}" ]; then
      fail "${service}" "${group}" "ECS rolled back to ${definition}"
      return 0
    elif [ "${rollout}" = COMPLETED ]; then
      echo "${service}: runs its new tasks"
      return 0
    elif [ "${rollout}" = FAILED ] && [ -z "${first}" ]; then
      fail "${service}" "${group}" "${reason}"
      return 0
    elif [ "${rollout}" = FAILED ]; then
      echo "${service}: starts the failed deployment again"
      ecs update-service --service "${service}" --force-new-deployment \
        --query service.serviceName >/dev/null
    fi
    first=""
    if [ "${SECONDS}" -ge "${deadline}" ]; then
      fail "${service}" "${group}" "still ${rollout} after ${timeout} s"
      return 0
    fi
    sleep "${interval}"
  done
}

for words in ${SERVICES}; do
  IFS="=" read -r service definition group <<<"${words}"
  wait_for "${service}" "${definition}" "${group}"
done
[ -z "${failed}" ]
