resource "google_compute_global_address" "subject" {
  project       = "acme-prod-1"
  name          = "main"
  purpose       = "VPC_PEERING"
  address_type  = "EXTERNAL"
  prefix_length = 16
  network       = "projects/acme-prod-1/global/networks/main"
}
