resource "google_compute_url_map" "this" {
  project = "acme-prod-1"
  name    = "main"
  default_service = "projects/acme-prod-1/global/backendServices/main"
}

resource "google_compute_target_http_proxy" "subject" {
  project = "acme-prod-1"
  name    = "main"
  url_map = google_compute_url_map.this.id
}
