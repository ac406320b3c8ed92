# Two roles for each component and job. The task role has the permissions of the
# code. ECS uses the execution role to start the task (pull, log, read secrets).
# The roles of the UI and the task role of the bootstrap grant no access to the stack.

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

  permissions_boundary = (
    var.iam_permissions_boundary_arn == "" ? null : var.iam_permissions_boundary_arn
  )

  # Policies that AWS manages.
  managed_policies = "arn:${local.partition}:iam::aws:policy/service-role"

  database_user_arn = var.create_database ? format(
    "arn:%s:rds-db:%s:%s:dbuser:%s/%s",
    local.partition,
    var.region,
    local.account_id,
    aws_rds_cluster.this[0].cluster_resource_id,
    var.db_username,
  ) : ""
}

# The policies are locals, not data sources: with depends_on on the module, Terraform
# defers a data source to the apply, and with it every resource that reads it.
locals {
  assume_role_policies = {
    for name, service in {
      tasks      = "ecs-tasks.amazonaws.com"
      monitoring = "monitoring.rds.amazonaws.com"
      } : name => jsonencode({
        Version = "2012-10-17"
        Statement = [{
          Sid       = title(name)
          Effect    = "Allow"
          Action    = "sts:AssumeRole"
          Principal = { Service = service }
        }]
    })
  }

  # A statement without resources is left out.
  secret_statements = {
    for component in keys(local.secret_policies) : component => [
      {
        Sid      = "Secrets"
        Action   = "secretsmanager:GetSecretValue"
        Resource = local.stack_secret_arns[component]
      },
      {
        Sid    = "SecretsKey"
        Action = "kms:Decrypt"
        Resource = (
          var.kms_key_arn != "" && length(local.stack_secret_arns[component]) > 0 ? [var.kms_key_arn] : []
        )
      },
      {
        Sid      = "GivenSecrets"
        Action   = "secretsmanager:GetSecretValue"
        Resource = local.external_secret_arns[component]
      },
      {
        Sid      = "GivenParameters"
        Action   = "ssm:GetParameters"
        Resource = local.external_parameter_arns[component]
      },
    ]
  }
}

resource "aws_iam_role" "execution" {
  for_each = toset(local.identities)

  name                 = local.names["role_execution_${each.key}"]
  description          = "LiteLLM stack ${local.name}: starts ${each.key}"
  assume_role_policy   = local.assume_role_policies.tasks
  path                 = var.iam_path
  permissions_boundary = local.permissions_boundary
  tags                 = local.tags

  lifecycle {
    ignore_changes = [path]

    postcondition {
      condition     = self.path == var.iam_path
      error_message = "iam_path must not change after the first apply, because the names of the roles are in use; got \"${var.iam_path}\", and the role has \"${self.path}\". Set iam_path to that path."
    }
  }
}

resource "aws_iam_role_policy_attachment" "execution" {
  for_each = toset(local.identities)

  role       = aws_iam_role.execution[each.key].name
  policy_arn = "${local.managed_policies}/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role_policy" "secrets" {
  for_each = local.secret_policies

  name = "secrets"
  role = aws_iam_role.execution[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for statement in local.secret_statements[each.key] : merge(statement, { Effect = "Allow" })
      if length(statement.Resource) > 0
    ]
  })
}

resource "aws_iam_role" "task" {
  for_each = toset(local.identities)

  name                 = local.names["role_task_${each.key}"]
  description          = "LiteLLM stack ${local.name}: ${each.key}"
  assume_role_policy   = local.assume_role_policies.tasks
  path                 = var.iam_path
  permissions_boundary = local.permissions_boundary
  tags                 = local.tags

  lifecycle {
    ignore_changes = [path]

    postcondition {
      condition     = self.path == var.iam_path
      error_message = "iam_path must not change after the first apply, because the names of the roles are in use; got \"${var.iam_path}\", and the role has \"${self.path}\". Set iam_path to that path."
    }
  }
}

locals {
  task_statements = {
    for component in keys(local.task_policies) : component => [
      for statement in [
        {
          enabled  = var.create_database && contains(local.database_users, component)
          Sid      = "Database"
          Action   = ["rds-db:connect"]
          Resource = local.database_user_arn
        },
        {
          enabled  = contains(local.bucket_users, component)
          Sid      = "Bucket"
          Action   = ["s3:GetBucketLocation", "s3:ListBucket"]
          Resource = local.data_bucket_arn
        },
        {
          enabled = contains(local.bucket_users, component)
          Sid     = "Objects"
          Action = [
            "s3:AbortMultipartUpload",
            "s3:DeleteObject",
            "s3:GetObject",
            "s3:ListMultipartUploadParts",
            "s3:PutObject",
          ]
          Resource = "${local.data_bucket_arn}/*"
        },
        {
          enabled  = contains(local.bucket_users, component)
          Sid      = "ProxyConfig"
          Action   = ["s3:GetObject"]
          Resource = local.config_object_arn
        },
        {
          enabled  = var.kms_key_arn != "" && contains(local.bucket_users, component)
          Sid      = "BucketKey"
          Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource = var.kms_key_arn
        },
      ] : statement if statement.enabled
    ]
  }
}

# Tasks of another database user connect until the services have changed: their policy
# has another name, and is deleted last.
resource "aws_iam_role_policy" "task" {
  for_each = local.task_policies

  name = "task-${var.db_username}"
  role = aws_iam_role.task[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for statement in local.task_statements[each.key] : {
        Sid      = statement.Sid
        Effect   = "Allow"
        Action   = statement.Action
        Resource = statement.Resource
      }
    ]
  })

  lifecycle {
    create_before_destroy = true
  }
}

# ---- Monitoring ----

# RDS assumes this role to publish enhanced monitoring.
resource "aws_iam_role" "monitoring" {
  count = local.has_monitor ? 1 : 0

  name                 = local.names.role_monitoring
  description          = "LiteLLM stack ${local.name}: monitors the database"
  assume_role_policy   = local.assume_role_policies.monitoring
  path                 = var.iam_path
  permissions_boundary = local.permissions_boundary
  tags                 = local.tags

  lifecycle {
    ignore_changes = [path]

    postcondition {
      condition     = self.path == var.iam_path
      error_message = "iam_path must not change after the first apply, because the names of the roles are in use; got \"${var.iam_path}\", and the role has \"${self.path}\". Set iam_path to that path."
    }
  }
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  count = local.has_monitor ? 1 : 0

  role       = aws_iam_role.monitoring[0].name
  policy_arn = "${local.managed_policies}/AmazonRDSEnhancedMonitoringRole"
}
