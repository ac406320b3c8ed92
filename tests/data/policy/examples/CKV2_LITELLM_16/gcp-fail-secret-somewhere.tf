resource "google_secret_manager_secret" "subject" {
  project   = "acme-prod-1"
  secret_id = "main"

  replication {
    user_managed {
      replicas {
        location = "us-central1"
        customer_managed_encryption {
          kms_key_name = "projects/acme-prod-1/locations/us-central1/keyRings/main/cryptoKeys/main"
        }
      }
      replicas {
        location = "europe-west1"
      }
    }
  }
}
