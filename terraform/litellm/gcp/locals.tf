# Values that more than one file reads. variables.tf and outputs.tf declare no
# locals: this file also has the locals that only they read.

# ---- Constants of the validations ----

locals {
  # Id of a secret, with its project or without it in the project of the stack.
  secret_pattern = "^(projects/[a-z0-9.:-]+/secrets/)?[A-Za-z0-9_-]{1,255}$"

  # Name of a KMS key, or nothing.
  kms_key_pattern = join("", [
    "^(projects/[a-z0-9.:-]+/locations/[a-z0-9-]+/keyRings/[A-Za-z0-9_-]{1,63}",
    "/cryptoKeys/[A-Za-z0-9_-]{1,63})?$",
  ])

  # Self link, id or name of a global security policy, or nothing.
  security_policy_pattern = join("", [
    "^((https://[a-z.]+/compute/v1/)?(projects/[a-z0-9.:-]+/global/securityPolicies/",
    ")?[a-z]([-a-z0-9]{0,61}[a-z0-9])?)?$",
  ])
}

# ---- Credentials ----

locals {
  credential_names = [
    "litellm_master_key", "litellm_salt_key", "litellm_license", "ui_password", "database_url",
    "redis_url",
  ]

  # SHA-256 of the master keys with which LiteLLM 1.110.2 refuses to start
  # (litellm/proxy/auth/master_key_boot_check.py).
  public_key_digests = ["88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"]
}

# ---- Switches ----

# Each switch decides a count or a for_each. Terraform must know it at plan.
locals {
  # This input exists for a network that is known only after apply.
  create_network = coalesce(var.create_network, var.network == "")
  tls            = length(var.lb_domains) > 0

  has_database = var.create_database || local.own_database
  has_reader   = var.create_database && var.create_read_replica
  has_logs     = var.enable_access_logs

  # If null, each service uses the key that Google manages. The stack creates no
  # key: a key ring can not be deleted, and its name would stay taken.
  kms_key_name = var.kms_key_name == "" ? null : var.kms_key_name

  # The credentials are ephemeral: an apply could not see that one is missing. This
  # input declares them, and its value is in the plan.
  own_database = !var.create_database && contains(var.provided_credentials, "database_url")
}

# ---- Components ----

locals {
  # The differences between the three services. environment.tf has their
  # environment and commands. The UI has no permissions: it has no entry in any
  # list of grants, secrets or environment variables.
  components = {
    gateway = {
      port                = 4000
      cpu                 = var.gateway_cpu
      memory              = var.gateway_memory
      desired_count       = var.gateway_desired_count
      autoscaling_enabled = var.gateway_autoscaling_enabled
      min_instances       = var.gateway_min_instances
      max_instances       = var.gateway_max_instances
      concurrency         = var.gateway_max_instance_request_concurrency
      timeout             = var.request_timeout_seconds
      private             = true
      startup             = { path = "/health/readiness", delay = 10, timeout = 5, failures = 12 }
      liveness            = { path = "/health/liveliness", period = 30, timeout = 5 }
    }
    backend = {
      port                = 4001
      cpu                 = var.backend_cpu
      memory              = var.backend_memory
      desired_count       = var.backend_desired_count
      autoscaling_enabled = var.backend_autoscaling_enabled
      min_instances       = var.backend_min_instances
      max_instances       = var.backend_max_instances
      concurrency         = var.backend_max_instance_request_concurrency
      timeout             = var.request_timeout_seconds
      private             = true
      startup             = { path = "/health/readiness", delay = 10, timeout = 5, failures = 12 }
      liveness            = { path = "/health/liveliness", period = 30, timeout = 5 }
    }
    ui = {
      port                = 3000
      cpu                 = var.ui_cpu
      memory              = var.ui_memory
      desired_count       = var.ui_desired_count
      autoscaling_enabled = var.ui_autoscaling_enabled
      min_instances       = var.ui_min_instances
      max_instances       = var.ui_max_instances
      concurrency         = var.ui_max_instance_request_concurrency
      timeout             = 300
      private             = false
      startup             = { path = "/healthz", delay = 5, timeout = 3, failures = 6 }
      liveness            = null
    }
  }

  # The engine of Prisma runs out of memory with 1 GiB.
  jobs = local.has_database ? { migrations = { cpu = "1000m", memory = "4Gi" } } : {}

  # Each component and each job has an identity of its own.
  identities = concat(keys(local.components), keys(local.jobs))
}

# ---- Network ----

locals {
  # A name without a path is a network in the project of the stack. The id is the part
  # of a self link that starts with "projects/".
  existing_network_id = (
    strcontains(var.network, "/")
    ? replace(var.network, "/^.*?(projects/)/", "$1")
    : "projects/${var.project}/global/networks/${var.network}"
  )

  network_id = (
    local.create_network ? one(google_compute_network.this[*].id) : local.existing_network_id
  )
}

# ---- Entry ----

locals {
  public_url = (
    local.tls
    ? "https://${var.lb_domains[0]}"
    : "http://${google_compute_global_address.lb.address}"
  )
}

# ---- Secrets ----

locals {
  secrets = {
    for key, enabled in {
      master_key   = true
      license      = contains(var.provided_credentials, "litellm_license")
      ui_password  = contains(var.provided_credentials, "ui_password")
      database_url = local.own_database
      redis_url    = !var.create_redis && contains(var.provided_credentials, "redis_url")
      db_password  = var.create_database
    } : key => key if enabled
  }
}

# ---- Storage ----

locals {
  config_name = "config.yaml"
}

# ---- Labels ----

locals {
  # The labels of the caller override these. Both override the default_labels of
  # the provider.
  labels = merge({
    "litellm-stack" = local.name
    "managed-by"    = "terraform"
  }, var.labels)
}
