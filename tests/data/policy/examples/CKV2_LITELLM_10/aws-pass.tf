resource "aws_cloudwatch_log_group" "subject" {
  name = "main"
  tags = { "litellm:stack" = "acme-litellm-dev", "managed-by" = "terraform" }
}
