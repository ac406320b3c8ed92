# The three ECS services. Only the load balancer can reach them.

data "aws_region" "current" {}

# Without this resource Container Insights creates the group, with no retention limit, and
# destroy does not delete it.
resource "aws_cloudwatch_log_group" "insights" {
  name              = "/aws/ecs/containerinsights/${local.names.cluster}/performance"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}

resource "aws_ecs_cluster" "this" {
  name = local.names.cluster
  tags = local.tags

  setting {
    name  = "containerInsights"
    value = "enabled"
  }

  depends_on = [aws_cloudwatch_log_group.insights]

  lifecycle {
    precondition {
      condition     = data.aws_region.current.id == var.region
      error_message = "The region of the aws provider must be the region of the stack; got \"${data.aws_region.current.id}\" with region = \"${var.region}\". Set region to the region of the provider, or change the provider."
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

  lifecycle {
    create_before_destroy = true
  }
}

# ---- Services ----

locals {
  # If an operator runs the migrations, the first tasks fail until then. The circuit
  # breaker would stop the deployment.
  circuit_breaker_enabled = var.run_migrations || !local.has_database

  # If an operator runs the migrations, no task becomes healthy during the apply.
  waits_for_services = var.wait_for_services && local.circuit_breaker_enabled

  # Without jobs the apply runs no CLI, so the provider waits. Before release 6.11 it
  # does not know whether the tasks are healthy.
  waits_with_cli = local.waits_for_services && local.has_database

  services = {
    for component in keys(local.components) : component => merge(
      aws_ecs_service.autoscaled, aws_ecs_service.fixed
    )[component]
  }

  rolled_back = "ECS rolled the deployment back, because its new tasks never became healthy. Fix the cause, which the log group of the service shows, and apply again."
}

# ignore_changes can not be conditional, so there are two resources. With autoscaling
# Terraform ignores the number of tasks; without it Terraform sets the number. If
# the input changes, the new service has another name while the old one drains.
#
# The first task needs the resources in depends_on, but references none of them:
# secret versions, objects, permissions and routes.

resource "aws_ecs_service" "autoscaled" {
  for_each = {
    for component, settings in local.components :
    component => settings if settings.autoscaling_enabled
  }

  name            = local.names["service_${each.key}"]
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.service[each.key].arn
  launch_type     = "FARGATE"
  desired_count = max(
    each.value.min_capacity, min(each.value.max_capacity, each.value.desired_count)
  )

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = each.value.grace_period
  wait_for_steady_state              = local.waits_for_services && !local.waits_with_cli
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  tags                               = local.tags

  deployment_circuit_breaker {
    enable   = local.circuit_breaker_enabled
    rollback = local.circuit_breaker_enabled
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

  # New tasks need minutes to start, and old ones up to ten for their streams.
  timeouts {
    create = "30m"
    update = "30m"
  }

  lifecycle {
    ignore_changes = [desired_count]

    postcondition {
      condition     = self.task_definition == aws_ecs_task_definition.service[each.key].arn
      error_message = "The service ${self.name} must run its new task definition; got ${self.task_definition}. ${local.rolled_back}"
    }
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
    aws_s3_object.proxy_config_files,
    aws_secretsmanager_secret_version.salt_key,
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
  wait_for_steady_state              = local.waits_for_services && !local.waits_with_cli
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  tags                               = local.tags

  deployment_circuit_breaker {
    enable   = local.circuit_breaker_enabled
    rollback = local.circuit_breaker_enabled
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

  # New tasks need minutes to start, and old ones up to ten for their streams.
  timeouts {
    create = "30m"
    update = "30m"
  }

  lifecycle {
    postcondition {
      condition     = self.task_definition == aws_ecs_task_definition.service[each.key].arn
      error_message = "The service ${self.name} must run its new task definition; got ${self.task_definition}. ${local.rolled_back}"
    }
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
    aws_s3_object.proxy_config_files,
    aws_secretsmanager_secret_version.salt_key,
    aws_secretsmanager_secret_version.this,
    aws_vpc_security_group_egress_rule.this,
    aws_vpc_security_group_ingress_rule.this,
    terraform_data.migrations,
  ]
}

# Fails with the reason of ECS if a deployment fails, and names the log group.
resource "terraform_data" "deployments" {
  count = local.waits_with_cli ? 1 : 0

  # What starts new tasks.
  triggers_replace = {
    for component, service in local.services : component => {
      service         = service.id
      task_definition = aws_ecs_task_definition.service[component].arn
      subnets         = local.private_subnet_ids
      security_groups = local.task_security_groups[component]
    }
  }

  provisioner "local-exec" {
    interpreter = ["bash"]
    command     = "${path.module}/scripts/wait-services.sh"
    environment = {
      CLUSTER = aws_ecs_cluster.this.name
      REGION  = var.region
      SERVICES = join(" ", [
        for component, service in local.services : join("=", [
          service.name,
          aws_ecs_task_definition.service[component].arn,
          aws_cloudwatch_log_group.this[component].name,
        ])
      ])
    }
  }
}
