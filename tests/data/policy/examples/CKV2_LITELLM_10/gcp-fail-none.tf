resource "google_secret_manager_secret" "subject" {
  project   = "acme-prod-1"
  secret_id = "main"

  replication {
    auto {}
  }
}
