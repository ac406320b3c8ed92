# Two roles for each component and job. The task role has the permissions of the
# code. ECS uses the execution role to start the task (pull, log, read secrets).
# The roles of the UI and the task role of the bootstrap grant no access to the stack.

data "aws_partition" "current" {}

locals {
  has_monitor = var.create_database && var.db_monitoring_interval > 0

  database_users = concat(["gateway", "backend"], local.has_database ? ["migrations"] : [])
  bucket_users   = ["gateway", "backend"]

  # The keys do not depend on values that are known only after apply.
  task_policies = {
    for component in distinct(concat(
      local.bucket_users,
      var.create_database ? local.database_users : [],
    )) : component => component
  }
  secret_policies = {
    for component, secrets in local.secret_environment :
    component => component if length(secrets) > 0
  }

  # ARNs by component: secrets of the stack, and secrets and parameters of the caller.
  stack_secret_arns = {
    for component, secrets in local.secret_environment :
    component => [for secret in values(secrets) : secret.arn if secret.own]
  }
  external_arns = {
    for component, secrets in local.secret_environment :
    component => [for secret in values(secrets) : secret.arn if !secret.own]
  }
  external_secret_arns = {
    for component, arns in local.external_arns :
    component => [for arn in arns : arn if !strcontains(arn, ":ssm:")]
  }
  external_parameter_arns = {
    for component, arns in local.external_arns :
    component => [for arn in arns : arn if strcontains(arn, ":ssm:")]
  }

  data_bucket_arn   = local.bucket_arns["data"]
  config_object_arn = "${local.bucket_arns["config"]}/${local.config_prefix}/*"

  # Policies that AWS manages. The partition is aws, aws-cn or aws-us-gov.
  managed_policies = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role"

  database_user_arn = var.create_database ? format(
    "arn:%s:rds-db:%s:%s:dbuser:%s/%s",
    data.aws_partition.current.partition,
    var.region,
    local.account_id,
    aws_rds_cluster.this[0].cluster_resource_id,
    var.db_username,
  ) : ""
}

data "aws_iam_policy_document" "assume" {
  statement {
    sid     = "Tasks"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "execution" {
  for_each = toset(local.identities)

  name               = local.names["role_execution_${each.key}"]
  description        = "LiteLLM stack ${local.name}: starts ${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assume.json
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "execution" {
  for_each = toset(local.identities)

  role       = aws_iam_role.execution[each.key].name
  policy_arn = "${local.managed_policies}/AmazonECSTaskExecutionRolePolicy"
}

data "aws_iam_policy_document" "secrets" {
  for_each = local.secret_policies

  dynamic "statement" {
    for_each = length(local.stack_secret_arns[each.key]) > 0 ? [1] : []

    content {
      sid       = "Secrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = local.stack_secret_arns[each.key]
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn != "" && length(local.stack_secret_arns[each.key]) > 0 ? [1] : []

    content {
      sid       = "SecretsKey"
      actions   = ["kms:Decrypt"]
      resources = [var.kms_key_arn]
    }
  }

  dynamic "statement" {
    for_each = can(local.external_secret_arns[each.key][0]) ? [1] : []

    content {
      sid       = "GivenSecrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = local.external_secret_arns[each.key]
    }
  }

  dynamic "statement" {
    for_each = can(local.external_parameter_arns[each.key][0]) ? [1] : []

    content {
      sid       = "GivenParameters"
      actions   = ["ssm:GetParameters"]
      resources = local.external_parameter_arns[each.key]
    }
  }
}

resource "aws_iam_role_policy" "secrets" {
  for_each = local.secret_policies

  name   = "secrets"
  role   = aws_iam_role.execution[each.key].name
  policy = data.aws_iam_policy_document.secrets[each.key].json
}

resource "aws_iam_role" "task" {
  for_each = toset(local.identities)

  name               = local.names["role_task_${each.key}"]
  description        = "LiteLLM stack ${local.name}: ${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assume.json
  tags               = local.tags
}

data "aws_iam_policy_document" "task" {
  for_each = local.task_policies

  dynamic "statement" {
    for_each = var.create_database && contains(local.database_users, each.key) ? [1] : []

    content {
      sid       = "Database"
      actions   = ["rds-db:connect"]
      resources = [local.database_user_arn]
    }
  }

  dynamic "statement" {
    for_each = contains(local.bucket_users, each.key) ? [1] : []

    content {
      sid       = "Bucket"
      actions   = ["s3:GetBucketLocation", "s3:ListBucket"]
      resources = [local.data_bucket_arn]
    }
  }

  dynamic "statement" {
    for_each = contains(local.bucket_users, each.key) ? [1] : []

    content {
      sid = "Objects"
      actions = [
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
      ]
      resources = ["${local.data_bucket_arn}/*"]
    }
  }

  dynamic "statement" {
    for_each = contains(local.bucket_users, each.key) ? [1] : []

    content {
      sid       = "ProxyConfig"
      actions   = ["s3:GetObject"]
      resources = [local.config_object_arn]
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn != "" && contains(local.bucket_users, each.key) ? [1] : []

    content {
      sid       = "BucketKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.kms_key_arn]
    }
  }
}

resource "aws_iam_role_policy" "task" {
  for_each = local.task_policies

  name   = "task"
  role   = aws_iam_role.task[each.key].name
  policy = data.aws_iam_policy_document.task[each.key].json
}

# ---- Monitoring ----

data "aws_iam_policy_document" "assume_monitoring" {
  statement {
    sid     = "Monitoring"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }
  }
}

# RDS assumes this role to publish enhanced monitoring.
resource "aws_iam_role" "monitoring" {
  count = local.has_monitor ? 1 : 0

  name               = local.names.role_monitoring
  description        = "LiteLLM stack ${local.name}: monitors the database"
  assume_role_policy = data.aws_iam_policy_document.assume_monitoring.json
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  count = local.has_monitor ? 1 : 0

  role       = aws_iam_role.monitoring[0].name
  policy_arn = "${local.managed_policies}/AmazonRDSEnhancedMonitoringRole"
}
