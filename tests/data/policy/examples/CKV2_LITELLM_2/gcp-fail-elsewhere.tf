resource "google_cloud_run_v2_service_iam_member" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "elsewhere"
  role     = "roles/run.invoker"
  member   = "allUsers"
}
