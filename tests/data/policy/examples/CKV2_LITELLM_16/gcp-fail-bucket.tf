resource "google_storage_bucket" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "main"
}
