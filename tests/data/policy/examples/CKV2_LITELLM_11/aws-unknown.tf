resource "aws_secretsmanager_secret" "this" {
  name = "main"
}

resource "aws_iam_role_policy" "subject" {
  name = "main"
  role = "main"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "secretsmanager:GetSecretValue", Resource = aws_secretsmanager_secret.this.arn }]
  })
}
