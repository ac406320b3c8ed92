resource "google_storage_bucket_iam_member" "subject" {
  bucket = "main"
  role   = "roles/owner"
  member = "serviceAccount:gateway@acme-prod-1.iam.gserviceaccount.com"
}
