resource "google_compute_ssl_policy" "subject" {
  project         = "acme-prod-1"
  name            = "main"
  profile         = "MODERN"
  min_tls_version = "TLS_1_0"
}
