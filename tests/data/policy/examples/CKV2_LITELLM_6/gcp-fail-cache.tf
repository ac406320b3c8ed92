resource "google_redis_instance" "subject" {
  project            = "acme-prod-1"
  region             = "us-central1"
  name               = "main"
  memory_size_gb     = 1
  connect_mode       = "DIRECT_PEERING"
  authorized_network = "projects/acme-prod-1/global/networks/main"
}
