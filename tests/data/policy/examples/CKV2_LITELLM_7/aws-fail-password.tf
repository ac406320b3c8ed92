resource "aws_ecs_task_definition" "subject" {
  family = "main"
  container_definitions = jsonencode([{
    name  = "main"
    image = "busybox"
    environment = [
      { name = "UI_PASSWORD", value = "hunter2" },
    ]
  }])
}
