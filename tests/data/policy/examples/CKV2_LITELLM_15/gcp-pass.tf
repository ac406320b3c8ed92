resource "google_compute_backend_service" "subject" {
  project = "acme-prod-1"
  name    = "main"
  security_policy = "projects/acme-prod-1/global/securityPolicies/main"
}
