resource "google_sql_database_instance" "subject" {
  project          = "acme-prod-1"
  region           = "us-central1"
  name             = "main"
  database_version = "POSTGRES_16"

  settings {
    tier = "db-custom-2-7680"
  }
}
