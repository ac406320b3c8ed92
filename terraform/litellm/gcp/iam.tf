# A service account for each component and job. The account of the UI has no role.

locals {
  bucket_users = ["gateway", "backend"]

  # The keys are components and variable names, which are known at plan even if the id
  # of a secret is not. Two components may use the same name for different secrets.
  secret_accessors = merge([
    for component, secrets in local.secret_environment : {
      for name, secret in secrets : "${component}/${name}" => {
        component = component
        project   = secret.project
        secret_id = secret.secret_id
      }
    }
  ]...)
}

resource "google_service_account" "this" {
  for_each = toset(local.identities)

  project      = var.project
  account_id   = local.names["account_${each.key}"]
  display_name = "LiteLLM stack ${local.name}: ${each.key}"
}

resource "google_secret_manager_secret_iam_member" "this" {
  for_each = local.secret_accessors

  project   = each.value.project
  secret_id = each.value.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.this[each.value.component].member
}

resource "google_storage_bucket_iam_member" "data" {
  for_each = toset(local.bucket_users)

  bucket = google_storage_bucket.this["data"].name
  role   = "roles/storage.objectUser"
  member = google_service_account.this[each.key].member
}

resource "google_storage_bucket_iam_member" "config" {
  for_each = toset(local.bucket_users)

  bucket = google_storage_bucket.this["config"].name
  role   = "roles/storage.objectViewer"
  member = google_service_account.this[each.key].member
}

# Cloud Storage writes access logs as this group (Cloud Storage, usage logs).
resource "google_storage_bucket_iam_member" "logs" {
  count = local.has_logs ? 1 : 0

  bucket = google_storage_bucket.logs[0].name
  role   = "roles/storage.objectCreator"
  member = "group:cloud-storage-analytics@google.com"
}
