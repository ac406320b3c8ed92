resource "google_secret_manager_secret" "this" {
  project   = "acme-prod-1"
  secret_id = "main"

  replication {
    auto {}
  }
}

resource "google_cloud_run_v2_service" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "subject"

  template {
    containers {
      image = "us-docker.pkg.dev/cloudrun/container/hello"
      env {
        name = "MASTER_KEY"
        value_source {
          secret_key_ref {
            secret  = google_secret_manager_secret.this.secret_id
            version = "latest"
          }
        }
      }
    }
  }
}
