# Target tracking on CPU and memory. Cloud Run scales without a policy.

locals {
  scaling_policies = merge([
    for component, settings in local.components : {
      for metric, policy in {
        cpu    = { metric = "ECSServiceAverageCPUUtilization", target = settings.cpu_target }
        memory = { metric = "ECSServiceAverageMemoryUtilization", target = settings.memory_target }
      } : "${component}-${metric}" => merge(policy, { component = component })
      if settings.autoscaling_enabled && policy.target > 0
    }
  ]...)
}

resource "aws_appautoscaling_target" "this" {
  for_each = aws_ecs_service.autoscaled

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${each.value.name}"
  min_capacity       = local.components[each.key].min_capacity
  max_capacity       = local.components[each.key].max_capacity
  tags               = local.tags
}

# A task needs about a minute to start, so the stack scales out fast and in slowly.
resource "aws_appautoscaling_policy" "this" {
  for_each = local.scaling_policies

  name               = "${local.name}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[each.value.component].service_namespace
  scalable_dimension = aws_appautoscaling_target.this[each.value.component].scalable_dimension
  resource_id        = aws_appautoscaling_target.this[each.value.component].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.target
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
    }
  }
}
