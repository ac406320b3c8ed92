resource "google_storage_bucket" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "main"

  lifecycle_rule {
    action {
      type = "SetStorageClass"
      storage_class = "NEARLINE"
    }

    condition {
      age = 7
    }
  }
}
