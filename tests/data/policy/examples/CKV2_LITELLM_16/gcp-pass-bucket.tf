resource "google_storage_bucket" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "main"

  encryption {
    default_kms_key_name = "projects/acme-prod-1/locations/us-central1/keyRings/main/cryptoKeys/main"
  }
}
