resource "aws_cloudwatch_log_group" "subject" {
  name = "main"
  tags = { "managed-by" = "terraform" }
}
