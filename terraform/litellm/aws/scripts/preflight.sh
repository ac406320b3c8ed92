#!/usr/bin/env bash
# Checks what the stack needs, before the apply creates what takes time or money.
#
#   ACCOUNT, REGION         of the aws provider
#   STACK                   value of the tag litellm:stack
#   VPCS, ADDRESSES, VCPUS  numbers that the stack needs; 0 needs no check
set -euo pipefail

fail() {
  echo "preflight: error: $*" >&2
  exit 1
}

command -v aws >/dev/null ||
  fail "no aws CLI here, which runs the database jobs. Install it, or set run_migrations = false."

account=$(aws sts get-caller-identity --region "${REGION}" --query Account --output text 2>&1) ||
  fail "the aws CLI has no valid credentials: ${account##*$'\n'} Give it those of the aws provider."

[ "${account}" = "${ACCOUNT}" ] ||
  fail "the aws CLI uses account ${account}, the aws provider ${ACCOUNT}. Give both the same credentials."

# The quota of a new account may be small. Resources of the stack itself do not count: a
# part of them may exist.
others="?!(Tags[?Key=='litellm:stack' && Value=='${STACK}'])"
scarce=""

check_quota() {
  local what=$1 service=$2 code=$3 needed=$4 operation=$5 query=$6 limit used=0
  [ "${needed}" -gt 0 ] || return 0
  if ! limit=$(aws service-quotas get-service-quota --region "${REGION}" --service-code "${service}" \
    --quota-code "${code}" --query Quota.Value --output text 2>&1); then
    echo "preflight: the quota of ${what} was not checked: ${limit##*$'\n'}"
    return 0
  fi
  limit="${limit%%.*}"
  if [ -n "${operation}" ] && ! used=$(aws ec2 "${operation}" --region "${REGION}" \
    --query "${query}" --output text 2>&1); then
    echo "preflight: the quota of ${what} was not checked: ${used##*$'\n'}"
    return 0
  fi
  [ "$((used + needed))" -gt "${limit}" ] || return 0
  echo "preflight: error: the stack needs ${needed} of ${what} in ${REGION}: ${used} are in use by" \
    "others, and the quota is ${limit}. Run: aws service-quotas request-service-quota-increase" \
    "--region ${REGION} --service-code ${service} --quota-code ${code}" \
    "--desired-value $((used + needed))" >&2
  scarce=yes
}

check_quota VPCs vpc L-F678F1CE "${VPCS}" describe-vpcs "length(Vpcs[${others}])"
check_quota "Elastic IP addresses" ec2 L-0263D0A3 "${ADDRESSES}" describe-addresses \
  "length(Addresses[${others}])"
# No API counts the vCPUs in use.
check_quota "Fargate vCPUs" fargate L-3032A538 "${VCPUS}" "" ""
[ -z "${scarce}" ] || exit 1

echo "preflight: the aws CLI uses account ${account}"
