resource "google_compute_target_https_proxy" "subject" {
  project          = "acme-prod-1"
  name             = "main"
  url_map          = "projects/acme-prod-1/global/urlMaps/main"
  ssl_certificates = ["projects/acme-prod-1/global/sslCertificates/main"]
}
