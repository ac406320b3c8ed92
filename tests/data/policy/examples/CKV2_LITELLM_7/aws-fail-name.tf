resource "aws_ecs_task_definition" "subject" {
  family = "main"
  container_definitions = jsonencode([{
    name  = "main"
    image = "busybox"
    environment = [
      { name = "LITELLM_MASTER_KEY", value = "changeme" },
    ]
  }])
}
