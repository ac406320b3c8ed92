resource "google_secret_manager_secret" "subject" {
  project   = "acme-prod-1"
  secret_id = "main"
  labels    = { "litellm-stack" = "acme-litellm-dev", "managed-by" = "terraform" }

  replication {
    auto {}
  }
}
