resource "google_cloud_run_v2_service" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "subject"

  template {
    containers {
      image = "us-docker.pkg.dev/cloudrun/container/hello"
      env {
        name  = "SECRET_VERSIONS"
        value = "2"
      }
      env {
        name  = "LITELLM_PROXY_CONFIG_S3_KEY"
        value = "config/litellm.yaml"
      }
      env {
        name  = "OTEL_ENDPOINT"
        value = "https://otel.example.com:4318"
      }
      env {
        name  = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
        value = "no_content"
      }
      env {
        name  = "IAM_TOKEN_DB_AUTH"
        value = "true"
      }
      env {
        name  = "SSL_KEY_FILE"
        value = "/tmp/key.pem"
      }
      env {
        name  = "MAX_TOKENS"
        value = "4096"
      }
      env {
        name  = "GENERIC_TOKEN_ENDPOINT"
        value = "https://id.example.com/token"
      }
      env {
        name  = "KEYCLOAK_REALM"
        value = "acme"
      }
    }
  }
}
