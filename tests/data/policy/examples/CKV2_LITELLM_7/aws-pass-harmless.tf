resource "aws_ecs_task_definition" "subject" {
  family = "main"
  container_definitions = jsonencode([{
    name  = "main"
    image = "busybox"
    environment = [
      { name = "SECRET_VERSIONS", value = "2" },
      { name = "LITELLM_PROXY_CONFIG_S3_KEY", value = "config/litellm.yaml" },
      { name = "OTEL_ENDPOINT", value = "https://otel.example.com:4318" },
      { name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", value = "no_content" },
      { name = "IAM_TOKEN_DB_AUTH", value = "true" },
      { name = "SSL_KEY_FILE", value = "/tmp/key.pem" },
      { name = "MAX_TOKENS", value = "4096" },
      { name = "GENERIC_TOKEN_ENDPOINT", value = "https://id.example.com/token" },
      { name = "KEYCLOAK_REALM", value = "acme" },
    ]
  }])
}
