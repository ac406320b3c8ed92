resource "google_compute_network" "this" {
  project = "acme-prod-1"
  name    = "stands-for-a-policy"
}

resource "google_compute_backend_service" "subject" {
  project = "acme-prod-1"
  name    = "main"
  security_policy = google_compute_network.this.id
}
