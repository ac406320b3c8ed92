resource "aws_ecs_task_definition" "subject" {
  family = "main"
  container_definitions = jsonencode([{
    name  = "main"
    image = "busybox"
    environment = [
      { name = "OTEL_HEADERS", value = "x-api=abc" },
    ]
  }])
}
