resource "google_secret_manager_secret" "subject" {
  project   = "acme-prod-1"
  secret_id = "main"

  replication {
    auto {
      customer_managed_encryption {
        kms_key_name = "projects/acme-prod-1/locations/us-central1/keyRings/main/cryptoKeys/main"
      }
    }
  }
}
