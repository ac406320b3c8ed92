resource "google_compute_network" "this" {
  project = "acme-prod-1"
  name    = "main"
}

resource "google_storage_bucket" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "main"

  encryption {
    default_kms_key_name = google_compute_network.this.id
  }
}
