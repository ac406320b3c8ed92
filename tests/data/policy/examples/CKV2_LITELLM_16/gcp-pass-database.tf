resource "google_sql_database_instance" "subject" {
  project          = "acme-prod-1"
  region           = "us-central1"
  name             = "main"
  database_version = "POSTGRES_16"
  encryption_key_name = "projects/acme-prod-1/locations/us-central1/keyRings/main/cryptoKeys/main"

  settings {
    tier = "db-custom-2-7680"
  }
}
