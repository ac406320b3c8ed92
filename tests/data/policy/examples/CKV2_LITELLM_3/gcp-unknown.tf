resource "google_service_account" "this" {
  project    = "acme-prod-1"
  account_id = "reader"
}

resource "google_cloud_run_v2_service" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "subject"

  template {
    service_account = google_service_account.this.unique_id

    containers {
      image = "us-docker.pkg.dev/cloudrun/container/hello"
    }
  }
}
