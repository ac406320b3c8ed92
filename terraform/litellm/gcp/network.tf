# The stack's own network, or the caller's; private services access for Cloud SQL
# and Memorystore; the connector through which Cloud Run reaches them.

locals {
  # Only Cloud SQL and Memorystore sit behind private services access.
  create_psa = (var.create_database || var.create_redis) && var.create_psa_connection

  # A bare name is a network of the stack's project; of a self link the part
  # from "projects/" on is the id.
  _given_network_id = (
    length(split("/", var.network)) > 1
    ? replace(var.network, "/^.*?(projects/)/", "$1")
    : "projects/${var.project}/global/networks/${var.network}"
  )

  network_id = (
    local.create_network ? one(google_compute_network.this[*].id) : local._given_network_id
  )
  network_name = (
    local.create_network
    ? one(google_compute_network.this[*].name)
    : element(split("/", var.network), length(split("/", var.network)) - 1)
  )
}

resource "google_compute_network" "this" {
  count = local.create_network ? 1 : 0

  project                 = var.project
  name                    = local.names.network
  auto_create_subnetworks = false
  routing_mode            = "REGIONAL"
}

resource "google_compute_subnetwork" "this" {
  count = local.create_network ? 1 : 0

  project                  = var.project
  region                   = var.region
  name                     = local.names.subnet
  network                  = google_compute_network.this[0].id
  ip_cidr_range            = var.subnet_cidr
  private_ip_google_access = true

  dynamic "log_config" {
    for_each = var.enable_flow_logs ? ["on"] : []
    content {
      aggregation_interval = "INTERVAL_5_SEC"
      flow_sampling        = 0.5
      metadata             = "INCLUDE_ALL_METADATA"
    }
  }
}

# What a network denies without being told to, told: the last rule of all, so
# that whoever adds one sees what it opens.
resource "google_compute_firewall" "deny" {
  count = local.create_network ? 1 : 0

  project       = var.project
  name          = local.names.firewall
  network       = google_compute_network.this[0].id
  direction     = "INGRESS"
  priority      = 65534
  source_ranges = ["0.0.0.0/0"]

  deny {
    protocol = "all"
  }
}

# ---- Private services access ----

resource "google_compute_global_address" "psa" {
  count = local.create_psa ? 1 : 0

  project       = var.project
  name          = local.names.psa_range
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 16
  network       = local.network_id
  labels        = local.labels
}

resource "google_service_networking_connection" "psa" {
  count = local.create_psa ? 1 : 0

  network                 = local.network_id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.psa[0].name]

  # Google keeps a deleted Cloud SQL instance for days and refuses to delete the
  # connection meanwhile ("Producer services are still using this connection",
  # terraform-provider-google #16275 and #19908). Abandoned, it does not stop a
  # destroy.
  deletion_policy = "ABANDON"

  # Of an abandoned connection the peering stays: a new one takes it over. Not in
  # a caller's network, where it could be somebody else's and lose its ranges.
  update_on_creation_fail = local.create_network
}

# ---- Serverless VPC access ----

resource "google_vpc_access_connector" "this" {
  project       = var.project
  region        = var.region
  name          = local.names.connector
  network       = local.network_name
  ip_cidr_range = var.vpc_connector_cidr

  # The API wants both, and the least it takes is 2 and 3.
  min_instances = 2
  max_instances = 3
}
