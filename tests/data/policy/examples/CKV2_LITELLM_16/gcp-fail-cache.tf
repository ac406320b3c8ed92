resource "google_redis_instance" "subject" {
  project            = "acme-prod-1"
  region             = "us-central1"
  name               = "main"
  memory_size_gb     = 1
}
