resource "google_compute_network" "this" {
  project = "acme-prod-1"
  name    = "main"
}

resource "google_redis_instance" "subject" {
  project            = "acme-prod-1"
  region             = "us-central1"
  name               = "main"
  memory_size_gb     = 1
  customer_managed_key = google_compute_network.this.id
}
