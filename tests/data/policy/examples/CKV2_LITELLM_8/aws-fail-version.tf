resource "aws_secretsmanager_secret_version" "subject" {
  secret_id     = "main"
  secret_string = "given"
}
