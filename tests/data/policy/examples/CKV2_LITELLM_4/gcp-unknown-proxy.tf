resource "google_compute_ssl_policy" "this" {
  project         = "acme-prod-1"
  name            = "main"
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_target_https_proxy" "subject" {
  project          = "acme-prod-1"
  name             = "main"
  url_map          = "projects/acme-prod-1/global/urlMaps/main"
  ssl_certificates = ["projects/acme-prod-1/global/sslCertificates/main"]
  ssl_policy       = google_compute_ssl_policy.this.id
}
