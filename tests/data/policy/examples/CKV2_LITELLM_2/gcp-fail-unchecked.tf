resource "google_cloud_run_v2_service" "subject" {
  project              = "acme-prod-1"
  location             = "us-central1"
  name                 = "this"
  ingress              = "INGRESS_TRAFFIC_ALL"
  invoker_iam_disabled = true

  template {
    containers {
      image = "us-docker.pkg.dev/cloudrun/container/hello"
    }
  }
}
