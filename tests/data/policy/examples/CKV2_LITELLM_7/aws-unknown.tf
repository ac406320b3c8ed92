resource "aws_lb" "this" {
  name    = "main"
  subnets = ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]
}

resource "aws_ecs_task_definition" "subject" {
  family = "main"
  container_definitions = jsonencode([{
    name        = "main"
    image       = "busybox"
    environment = [{ name = "HOST", value = aws_lb.this.dns_name }]
  }])
}
