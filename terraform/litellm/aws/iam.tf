# Two roles for each component and job: the task role is what its code may do,
# the execution role what ECS does to start it (pull, log, read its secrets).
# The UI's roles, and the bootstrap's task role, grant nothing of the stack's.

locals {
  _database_users = concat(["gateway", "backend"], local.has_database ? ["migrations"] : [])
  _bucket_users   = ["gateway", "backend"]

  # Which roles get a policy. It never hangs on a value known late.
  _task_policies = {
    for component in distinct(concat(
      local._bucket_users,
      var.create_database ? local._database_users : [],
    )) : component => component
  }
  _secret_policies = {
    for component, secrets in local.secret_environment :
    component => component if length(secrets) > 0
  }

  # By component, the secrets of the stack and those that the caller names.
  _own_arns = {
    for component, secrets in local.secret_environment :
    component => [for secret in values(secrets) : secret.arn if secret.own]
  }
  _given_arns = {
    for component, secrets in local.secret_environment :
    component => [for secret in values(secrets) : secret.arn if !secret.own]
  }

  # Read through locals: a document that names a bucket itself is put off to the
  # apply by any change of that bucket, were it of its tags.
  _data_bucket_arn = local._bucket_arns["data"]
  _config_file_arn = local.has_config ? "${local._bucket_arns["config"]}/${local.config_key}" : ""

  _database_user_arn = var.create_database ? format(
    "arn:%s:rds-db:%s:%s:dbuser:%s/%s",
    data.aws_partition.current.partition,
    var.region,
    local._account,
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
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

data "aws_iam_policy_document" "secrets" {
  for_each = local._secret_policies

  dynamic "statement" {
    for_each = length(local._own_arns[each.key]) > 0 ? [1] : []

    content {
      sid       = "Secrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = local._own_arns[each.key]
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn != "" && length(local._own_arns[each.key]) > 0 ? [1] : []

    content {
      sid       = "SecretsKey"
      actions   = ["kms:Decrypt"]
      resources = [var.kms_key_arn]
    }
  }

  dynamic "statement" {
    for_each = can([for arn in local._given_arns[each.key] : arn if !strcontains(arn, ":ssm:")][0]) ? [1] : []

    content {
      sid       = "GivenSecrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [for arn in local._given_arns[each.key] : arn if !strcontains(arn, ":ssm:")]
    }
  }

  dynamic "statement" {
    for_each = can([for arn in local._given_arns[each.key] : arn if strcontains(arn, ":ssm:")][0]) ? [1] : []

    content {
      sid       = "GivenParameters"
      actions   = ["ssm:GetParameters"]
      resources = [for arn in local._given_arns[each.key] : arn if strcontains(arn, ":ssm:")]
    }
  }
}

resource "aws_iam_role_policy" "secrets" {
  for_each = local._secret_policies

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
  for_each = local._task_policies

  dynamic "statement" {
    for_each = var.create_database && contains(local._database_users, each.key) ? [1] : []

    content {
      sid       = "Database"
      actions   = ["rds-db:connect"]
      resources = [local._database_user_arn]
    }
  }

  dynamic "statement" {
    for_each = contains(local._bucket_users, each.key) ? [1] : []

    content {
      sid       = "Bucket"
      actions   = ["s3:GetBucketLocation", "s3:ListBucket"]
      resources = [local._data_bucket_arn]
    }
  }

  dynamic "statement" {
    for_each = contains(local._bucket_users, each.key) ? [1] : []

    content {
      sid = "Objects"
      actions = [
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
      ]
      resources = ["${local._data_bucket_arn}/*"]
    }
  }

  dynamic "statement" {
    for_each = local.has_config && contains(local._bucket_users, each.key) ? [1] : []

    content {
      sid       = "ProxyConfig"
      actions   = ["s3:GetObject"]
      resources = [local._config_file_arn]
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn != "" && contains(local._bucket_users, each.key) ? [1] : []

    content {
      sid       = "BucketKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.kms_key_arn]
    }
  }
}

resource "aws_iam_role_policy" "task" {
  for_each = local._task_policies

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

# What RDS writes its enhanced monitoring with.
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
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
