resource "google_service_account" "this" {
  project    = "acme-prod-1"
  account_id = "reader"
}

resource "google_secret_manager_secret_iam_member" "subject" {
  project   = "acme-prod-1"
  secret_id = "main"
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${google_service_account.this.unique_id}@acme-prod-1.iam.gserviceaccount.com"
}
