resource "aws_ecs_task_definition" "subject" {
  family                = "subject"
  container_definitions = jsonencode([{ name = "main", image = "busybox" }])
  task_role_arn         = "arn:aws:iam::123456789012:role/a"
  execution_role_arn    = "arn:aws:iam::123456789012:role/execution"
}

resource "aws_ecs_task_definition" "other" {
  family                = "other"
  container_definitions = jsonencode([{ name = "main", image = "busybox" }])
  task_role_arn         = "arn:aws:iam::123456789012:role/b"
  execution_role_arn    = "arn:aws:iam::123456789012:role/execution"
}
