resource "google_redis_instance" "this" {
  project        = "acme-prod-1"
  region         = "us-central1"
  name           = "main"
  memory_size_gb = 1
}

resource "google_cloud_run_v2_service" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "subject"

  template {
    containers {
      image = "us-docker.pkg.dev/cloudrun/container/hello"
      env {
        name  = "REDIS_HOST"
        value = google_redis_instance.this.host
      }
    }
  }
}
