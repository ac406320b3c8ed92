# The network of the stack, or the existing network of the caller. Private services
# access connects Cloud SQL and Memorystore to it. A connector or Direct VPC egress
# connects Cloud Run.

locals {
  # Only Cloud SQL and Memorystore use private services access.
  create_psa = (var.create_database || var.create_redis) && var.create_psa_connection

  has_connector = var.vpc_access == "connector"
  connector_id  = one(google_vpc_access_connector.this[*].id)

  # The subnet that the services and the job are in with Direct VPC egress.
  egress_subnets = local.has_connector ? [] : google_compute_subnetwork.this[*].id
}

resource "google_compute_network" "this" {
  count = local.create_network ? 1 : 0

  project                 = var.project
  name                    = local.names.network
  auto_create_subnetworks = false
  routing_mode            = "REGIONAL"

  # It would count as one of the networks in use.
  depends_on = [terraform_data.preflight]
}

# A wider range with the same first address changes the subnet in place. Any other range
# needs another subnet, and the subnet in use can not be deleted first. So another first
# address creates a subnet with another name, and the services move to it.
locals {
  subnet_suffix = substr(sha256(split("/", var.subnet_cidr)[0]), 0, 3)
}

resource "google_compute_subnetwork" "this" {
  count = local.create_network || !local.has_connector ? 1 : 0

  project                  = var.project
  region                   = var.region
  name                     = "${local.names.subnet}-${local.subnet_suffix}"
  network                  = local.network_id
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

  lifecycle {
    create_before_destroy = true
  }
}

# The implied deny rule of every network, as a visible resource with the lowest
# priority.
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

  # Google retains a deleted Cloud SQL instance for days, and then rejects the deletion
  # of the connection. ABANDON lets a destroy finish ("Producer services are still
  # using this connection", terraform-provider-google #16275 and #19908).
  deletion_policy = "ABANDON"

  # The peering of an abandoned connection remains, and a new connection updates it.
  # In an existing network the peering may belong to others and could lose its ranges.
  update_on_creation_fail = local.create_network
}

# ---- Serverless VPC access ----

# The connector has a subnet of its own, because flow logs are a setting of a subnet.
# The range of both can not change, and the name of a connector in use is taken. So
# another range creates a connector with another name first.
locals {
  connector_suffix = substr(sha256(var.vpc_connector_cidr), 0, 3)
}

resource "google_compute_subnetwork" "connector" {
  count = local.has_connector ? 1 : 0

  project                  = var.project
  region                   = var.region
  name                     = "${local.names.connector_subnet}-${local.connector_suffix}"
  network                  = local.network_id
  ip_cidr_range            = var.vpc_connector_cidr
  private_ip_google_access = true

  dynamic "log_config" {
    for_each = var.enable_flow_logs ? ["on"] : []

    content {
      aggregation_interval = "INTERVAL_5_SEC"
      flow_sampling        = 0.5
      metadata             = "INCLUDE_ALL_METADATA"
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_vpc_access_connector" "this" {
  count = local.has_connector ? 1 : 0

  project      = var.project
  region       = var.region
  name         = "${local.names.connector}-${local.connector_suffix}"
  machine_type = var.vpc_connector_machine_type

  subnet {
    name = google_compute_subnetwork.connector[0].name
  }

  # The API requires both. These are the minimum values.
  min_instances = 2
  max_instances = 3

  depends_on = [terraform_data.preflight]

  lifecycle {
    create_before_destroy = true
  }
}
