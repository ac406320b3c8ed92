resource "google_secret_manager_secret_version" "subject" {
  secret      = "projects/acme-prod-1/secrets/main"
  secret_data = "given"
}
