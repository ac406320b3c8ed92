resource "google_cloud_run_v2_service" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "subject"

  template {
    containers {
      image = "us-docker.pkg.dev/cloudrun/container/hello"
    }
  }
}
