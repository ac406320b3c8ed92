resource "google_compute_target_http_proxy" "subject" {
  project = "acme-prod-1"
  name    = "main"
  url_map = "projects/acme-prod-1/global/urlMaps/main"
}
