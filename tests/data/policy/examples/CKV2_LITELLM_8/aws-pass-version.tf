resource "aws_secretsmanager_secret_version" "subject" {
  secret_id                = "main"
  secret_string_wo         = "given"
  secret_string_wo_version = 1
}
