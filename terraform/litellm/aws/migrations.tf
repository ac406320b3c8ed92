# The jobs that change the database: bootstrap creates the database user, migrations
# changes the schema. apply runs them before it creates or changes the services.

locals {
  job_subnets         = join(",", local.private_subnet_ids)
  job_security_groups = join(",", try(local.task_security_groups.jobs, []))
  awsvpc_configuration = join(",", [
    "subnets=[${local.job_subnets}]",
    "securityGroups=[${local.job_security_groups}]",
    "assignPublicIp=DISABLED",
  ])

  # The vCPUs of the first tasks.
  first_vcpus = ceil(sum([
    for settings in values(local.components) : settings.cpu / 1024 * (
      settings.autoscaling_enabled
      ? max(settings.min_capacity, min(settings.max_capacity, settings.desired_count))
      : settings.desired_count
    )
  ]))

  # The outputs print these commands, and apply runs them.
  run_commands = {
    for job in keys(local.jobs) : job => join(" ", [
      "aws ecs run-task",
      "--region ${var.region}",
      "--cluster ${aws_ecs_cluster.this.name}",
      "--task-definition ${aws_ecs_task_definition.job[job].arn}",
      "--launch-type FARGATE",
      "--propagate-tags TASK_DEFINITION",
      "--network-configuration 'awsvpcConfiguration={${local.awsvpc_configuration}}'",
    ])
  }
}

resource "aws_ecs_task_definition" "job" {
  for_each = local.jobs

  family                   = local.names["task_${each.key}"]
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  task_role_arn            = aws_iam_role.task[each.key].arn
  execution_role_arn       = aws_iam_role.execution[each.key].arn
  container_definitions    = local.container_definitions[each.key]
  tags                     = local.tags

  lifecycle {
    create_before_destroy = true
  }
}

# Fails in seconds where a job would fail after minutes. What takes time or money waits
# for it.
resource "terraform_data" "preflight" {
  count = local.has_database && var.run_migrations ? 1 : 0

  provisioner "local-exec" {
    interpreter = ["bash"]
    command     = "${path.module}/scripts/preflight.sh"
    environment = {
      ACCOUNT   = local.account_id
      REGION    = var.region
      STACK     = local.name
      VPCS      = local.create_network ? 1 : 0
      ADDRESSES = local.create_network ? 1 : 0
      VCPUS     = local.first_vcpus
    }
  }
}

# Creates the database user for IAM authentication, and its grants.
resource "terraform_data" "bootstrap" {
  count = var.create_database && var.run_migrations ? 1 : 0

  triggers_replace = {
    job      = aws_ecs_task_definition.job["bootstrap"].arn
    database = aws_rds_cluster.this[0].cluster_resource_id
  }

  provisioner "local-exec" {
    interpreter = ["bash"]
    command     = "${path.module}/scripts/run-job.sh"
    environment = {
      RUN_COMMAND = local.run_commands.bootstrap
      CLUSTER     = aws_ecs_cluster.this.name
      REGION      = var.region
      FAMILY      = aws_ecs_task_definition.job["bootstrap"].family
      CONTAINER   = "bootstrap"
      LOG_GROUP   = aws_cloudwatch_log_group.this["bootstrap"].name
    }
  }

  depends_on = [
    aws_iam_role_policy.secrets,
    aws_iam_role_policy_attachment.execution,
    aws_nat_gateway.this,
    aws_rds_cluster_instance.writer,
    aws_route.private,
    aws_route_table_association.private,
    aws_vpc_security_group_egress_rule.this,
    aws_vpc_security_group_ingress_rule.this,
  ]
}

resource "terraform_data" "migrations" {
  count = local.has_database && var.run_migrations ? 1 : 0

  # Terraform does not detect an image that changes under the same tag: run the
  # printed command, or replace this resource. The URL of an external database is
  # write-only, so secrets_version represents it.
  triggers_replace = {
    job       = aws_ecs_task_definition.job["migrations"].arn
    bootstrap = one(terraform_data.bootstrap[*].id)
    url       = local.own_database ? var.secrets_version : null
  }

  provisioner "local-exec" {
    interpreter = ["bash"]
    command     = "${path.module}/scripts/run-job.sh"
    environment = {
      RUN_COMMAND = local.run_commands.migrations
      CLUSTER     = aws_ecs_cluster.this.name
      REGION      = var.region
      FAMILY      = aws_ecs_task_definition.job["migrations"].family
      CONTAINER   = "migrations"
      LOG_GROUP   = aws_cloudwatch_log_group.this["migrations"].name
    }
  }

  depends_on = [
    aws_iam_role_policy.secrets,
    aws_iam_role_policy.task,
    aws_iam_role_policy_attachment.execution,
    aws_nat_gateway.this,
    aws_rds_cluster_instance.writer,
    aws_route.private,
    aws_route_table_association.private,
    aws_secretsmanager_secret_version.this,
    aws_vpc_security_group_egress_rule.this,
    aws_vpc_security_group_ingress_rule.this,
    terraform_data.bootstrap,
  ]
}
