resource "google_service_account" "this" {
  project    = "acme-prod-1"
  account_id = "reader"
}
resource "google_cloud_run_v2_service" "this" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "this"
  ingress  = "INGRESS_TRAFFIC_ALL"

  template {
    containers {
      image = "us-docker.pkg.dev/cloudrun/container/hello"
    }
  }
}

resource "google_cloud_run_v2_service_iam_member" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = google_cloud_run_v2_service.this.name
  role     = "roles/run.invoker"
  member   = google_service_account.this.name
}
