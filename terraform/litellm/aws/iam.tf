# Two roles for each component and job: the task role is what its code may do,
# the execution role what ECS does to start it (pull, log, read its secrets).
# The UI's roles, and the bootstrap's task role, grant nothing of the stack's.

locals {
  _database_users = concat(["gateway", "backend"], local.has_database ? ["migrations"] : [])
  _bucket_users   = ["gateway", "backend"]

  # Which roles get a policy. It never depends on a value known late, and can()
  # leaves the mark of sensitive inputs behind.
  _task_policies = {
    for c in distinct(concat(
      local._bucket_users,
      var.create_database ? local._database_users : [],
    )) : c => c
  }
  _secret_policies = {
    for c, sources in local._sources : c => c
    if can([for source in values(sources) : source if source != "plain"][0])
  }
  _own_readers = [
    for c, sources in local._sources : c
    if can([for source in values(sources) : source if source == "secret"][0])
  ]

  # The secrets in a container's environment, those of the stack and those the
  # caller names, each cut to the ARN proper: :json-key:stage:version after it
  # is ECS's, not IAM's. A parameter's ARN is shorter.
  _own_arns   = { for c, env in local._arns : c => [for e in env : e.arn if e.source == "secret"] }
  _given_arns = { for c, env in local._arns : c => [for e in env : e.arn if e.source == "given"] }
  _arns = {
    for c, env in local._environment : c => [
      for entry in values(env) : {
        source = entry.source
        arn    = join(":", [for i, part in split(":", entry.value) : part if i < 7])
      } if entry.source != "plain"
    ]
  }
  _sources = {
    for c, env in local._environment : c => { for name, entry in env : name => entry.source }
  }

  # The cluster's ARN tells the account, so nobody need be asked for it.
  _database_user_arn = var.create_database ? format(
    "arn:%s:rds-db:%s:%s:dbuser:%s/%s",
    data.aws_partition.current.partition,
    var.region,
    split(":", aws_rds_cluster.this[0].arn)[4],
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
    for_each = contains(local._own_readers, each.key) ? [1] : []

    content {
      sid       = "Secrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = local._own_arns[each.key]
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
      resources = [aws_s3_bucket.this["data"].arn]
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
      resources = ["${aws_s3_bucket.this["data"].arn}/*"]
    }
  }

  dynamic "statement" {
    for_each = local.has_config && contains(local._bucket_users, each.key) ? [1] : []

    content {
      sid       = "ProxyConfig"
      actions   = ["s3:GetObject"]
      resources = ["${aws_s3_bucket.this["config"].arn}/${local.config_key}"]
    }
  }
}

resource "aws_iam_role_policy" "task" {
  for_each = local._task_policies

  name   = "task"
  role   = aws_iam_role.task[each.key].name
  policy = data.aws_iam_policy_document.task[each.key].json
}
