resource "aws_iam_role" "this" {
  name = "task"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }]
  })
}

resource "aws_ecs_task_definition" "subject" {
  family                = "subject"
  container_definitions = jsonencode([{ name = "main", image = "busybox" }])
  task_role_arn         = aws_iam_role.this.arn
  execution_role_arn    = "arn:aws:iam::123456789012:role/e"
}
