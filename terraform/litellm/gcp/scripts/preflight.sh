#!/usr/bin/env bash
# Checks what the stack needs, before the apply creates what takes time or money.
#
#   PROJECT  of the stack
#   APIS     names of the APIs that the stack calls
#   ADDRESS  name of the address of the load balancer, which every stack has
#   QUOTAS   words METRIC=NUMBER: what the stack needs of the quotas of Compute Engine
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

check_quotas() {
  local quotas metric limit used words needed scarce=""
  # A stack that exists may itself use the last one.
  if gcloud compute addresses describe "${ADDRESS}" --global --project "${PROJECT}" \
    --format='value(address)' --quiet >/dev/null 2>&1; then
    return 0
  fi
  if ! quotas=$(gcloud compute project-info describe --project "${PROJECT}" --flatten='quotas[]' \
    --format='csv[no-heading](quotas.metric,quotas.limit,quotas.usage)' --quiet 2>&1); then
    echo "preflight: the quotas of Compute Engine were not checked: ${quotas##*$'\n'}"
    return 0
  fi
  while IFS=, read -r metric limit used; do
    for words in ${QUOTAS}; do
      [ "${words%%=*}" = "${metric}" ] || continue
      needed="${words#*=}"
      [ "$((${used%%.*} + needed))" -gt "${limit%%.*}" ] || continue
      echo "preflight: error: the stack needs ${needed} of ${metric} in ${PROJECT}:" \
        "${used%%.*} are in use, and the quota is ${limit%%.*}. Request an increase of the quota" \
        "of compute.googleapis.com, or delete unused resources." >&2
      scarce=yes
    done
  done <<<"${quotas}"
  [ -z "${scarce}" ]
}

check_quotas

echo "preflight: gcloud can access ${PROJECT}, which has all APIs"
