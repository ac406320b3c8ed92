resource "google_cloud_run_v2_job" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "subject"

  template {
    template {
      containers {
        image = "us-docker.pkg.dev/cloudrun/container/hello"

        env {
          name  = "API_TOKEN"
          value = "abc"
        }
      }
    }
  }
}
