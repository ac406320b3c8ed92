resource "google_cloud_run_v2_job" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "subject"

  template {
    template {
      service_account = "a@acme-prod-1.iam.gserviceaccount.com"
      containers {
        image = "us-docker.pkg.dev/cloudrun/container/hello"
      }
    }
  }
}

resource "google_cloud_run_v2_service" "other" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "other"

  template {
    service_account = "a@acme-prod-1.iam.gserviceaccount.com"

    containers {
      image = "us-docker.pkg.dev/cloudrun/container/hello"
    }
  }
}
