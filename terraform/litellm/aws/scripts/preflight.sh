#!/usr/bin/env bash
# Checks what the jobs need, before the apply creates what takes time or money.
#
#   ACCOUNT, REGION  of the aws provider
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

echo "preflight: the aws CLI uses account ${account}"
