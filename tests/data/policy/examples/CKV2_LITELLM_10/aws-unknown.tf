resource "aws_secretsmanager_secret" "this" {
  name = "main"
}

resource "aws_cloudwatch_log_group" "subject" {
  name = "main"
  tags = { "litellm:stack" = aws_secretsmanager_secret.this.arn, "managed-by" = "terraform" }
}
