resource "aws_ecs_task_definition" "subject" {
  family = "main"
  container_definitions = jsonencode([{
    name  = "main"
    image = "busybox"
    environment = [
      { name = "DATABASE_URL", value = "postgresql://litellm:hunter2@db.example.com/litellm" },
    ]
  }])
}
