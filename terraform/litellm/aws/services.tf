# The three ECS services. They are reached through the load balancer only.

resource "aws_ecs_cluster" "this" {
  name = local.names.cluster
  tags = local.tags

  setting {
    name  = "containerInsights"
    value = "enabled"
  }

  lifecycle {
    precondition {
      condition     = data.aws_region.current.id == var.region
      error_message = "The aws provider must be set to the stack's region; got \"${data.aws_region.current.id}\" with region = \"${var.region}\". Mend one of the two."
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(local.identities)

  name              = "/ecs/${local.name}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}

resource "aws_ecs_task_definition" "service" {
  for_each = local.components

  family                   = local.names["task_${each.key}"]
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  task_role_arn            = aws_iam_role.task[each.key].arn
  execution_role_arn       = aws_iam_role.execution[each.key].arn
  container_definitions    = local.container_definitions[each.key]
  tags                     = local.tags
}

# ---- Services ----

locals {
  # Where migrations are run by hand the first tasks fail until then; ECS must
  # go on trying instead of giving the deployment up.
  _circuit_breaker = var.run_migrations || !local.has_database
}

# Two resources, for ignore_changes takes no condition: under autoscaling the
# number of tasks is not the plan's, without it it is. A service that changes
# sides is made under its other name, as the old one drains.
#
# A reference to a secret or a bucket says nothing of the version, the object or
# the permission that the first task needs to start: hence the long depends_on.

resource "aws_ecs_service" "autoscaled" {
  for_each = {
    for component, settings in local.components :
    component => settings if settings.autoscaling_enabled
  }

  name            = local.names["service_${each.key}"]
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.service[each.key].arn
  launch_type     = "FARGATE"
  desired_count   = max(each.value.min_capacity, min(each.value.max_capacity, each.value.desired_count))

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = each.value.grace_period
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  tags                               = local.tags

  deployment_circuit_breaker {
    enable   = local._circuit_breaker
    rollback = local._circuit_breaker
  }

  network_configuration {
    subnets          = local.private_subnet_ids
    security_groups  = local.task_security_groups[each.key]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.this[each.key].arn
    container_name   = each.key
    container_port   = each.value.port
  }

  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [
    aws_iam_role_policy.secrets,
    aws_iam_role_policy.task,
    aws_iam_role_policy_attachment.execution,
    aws_lb_listener.http,
    aws_lb_listener.https,
    aws_lb_listener_rule.this,
    aws_nat_gateway.this,
    aws_rds_cluster_instance.reader,
    aws_rds_cluster_instance.writer,
    aws_route.private,
    aws_route_table_association.private,
    aws_s3_object.proxy_config,
    aws_secretsmanager_secret_version.this,
    aws_vpc_security_group_egress_rule.this,
    aws_vpc_security_group_ingress_rule.this,
    terraform_data.migrations,
  ]
}

resource "aws_ecs_service" "fixed" {
  for_each = {
    for component, settings in local.components :
    component => settings if !settings.autoscaling_enabled
  }

  name            = local.names["service_fixed_${each.key}"]
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.service[each.key].arn
  launch_type     = "FARGATE"
  desired_count   = each.value.desired_count

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = each.value.grace_period
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  tags                               = local.tags

  deployment_circuit_breaker {
    enable   = local._circuit_breaker
    rollback = local._circuit_breaker
  }

  network_configuration {
    subnets          = local.private_subnet_ids
    security_groups  = local.task_security_groups[each.key]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.this[each.key].arn
    container_name   = each.key
    container_port   = each.value.port
  }

  depends_on = [
    aws_iam_role_policy.secrets,
    aws_iam_role_policy.task,
    aws_iam_role_policy_attachment.execution,
    aws_lb_listener.http,
    aws_lb_listener.https,
    aws_lb_listener_rule.this,
    aws_nat_gateway.this,
    aws_rds_cluster_instance.reader,
    aws_rds_cluster_instance.writer,
    aws_route.private,
    aws_route_table_association.private,
    aws_s3_object.proxy_config,
    aws_secretsmanager_secret_version.this,
    aws_vpc_security_group_egress_rule.this,
    aws_vpc_security_group_ingress_rule.this,
    terraform_data.migrations,
  ]
}
