resource "aws_ecs_task_definition" "subject" {
  family = "main"
  container_definitions = jsonencode([{
    name    = "main"
    image   = "busybox"
    secrets = [{ name = "MASTER_KEY", valueFrom = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:main-AbCdEf:key::" }]
  }])
}
