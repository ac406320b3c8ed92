locals {
  map = google_compute_url_map.redirect.id
}

resource "google_compute_url_map" "redirect" {
  project = "acme-prod-1"
  name    = "redirect"

  default_url_redirect {
    https_redirect = true
    strip_query    = false
  }
}

resource "google_compute_url_map" "routes" {
  project = "acme-prod-1"
  name    = "routes"
  default_service = "projects/acme-prod-1/global/backendServices/main"
}

resource "google_compute_target_http_proxy" "subject" {
  project = "acme-prod-1"
  name    = "main"
  url_map = local.map
}
