resource "aws_ecs_service" "subject" {
  name            = "subject"
  cluster         = "main"
  task_definition = "main:1"
  launch_type     = "FARGATE"

  network_configuration {
    subnets          = ["subnet-0a1b2c3d"]
    assign_public_ip = true
  }
}
