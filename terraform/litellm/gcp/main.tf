# What there is, the table of components, images, names and labels. Nothing is
# read from the cloud here. Every name but one of a bucket or database is known
# at plan.

# ---- Rules of the inputs ----

# Constants, for the validations of variables.tf.
locals {
  # A secret's id, with its project or in the stack's.
  secret_pattern = "^(projects/[a-z0-9.:-]+/secrets/)?[A-Za-z0-9_-]{1,255}$"
}

# ---- What there is ----

# Each of these decides a count or a for_each, so each must be known at plan.
locals {
  # The switch is there for a network known only after apply.
  create_network = coalesce(var.create_network, var.network == "")
  tls            = length(var.lb_domains) > 0

  own_database = !var.create_database && local.given.database_url
  own_redis    = !var.create_redis && local.given.redis_url
  has_database = var.create_database || local.own_database
  has_reader   = var.create_database && var.create_read_replica
  has_logs     = var.enable_access_logs

  # Without a key of the caller's each service takes its own. The stack makes
  # none: a key ring is never deleted, and its name would stay taken.
  kms_key_name = var.kms_key_name == "" ? null : var.kms_key_name

  # Whether a value is there is no secret, even of one that is marked as such.
  has_config = nonsensitive(try(length(keys(var.proxy_config)), 0) > 0)

  # Whether a credential was given. can() returns a plain bool: it drops the
  # marks sensitive and ephemeral, which count and for_each do not take.
  given = {
    master_key   = can(regex(".", var.litellm_master_key))
    license      = can(regex(".", var.litellm_license))
    ui_password  = can(regex(".", var.ui_password))
    database_url = can(regex(".", var.database_url))
    redis_url    = can(regex(".", var.redis_url))
  }
}

# ---- Components ----

locals {
  # What differs between the three services. Environment and command are in
  # environment.tf. The UI is powerless: it has no entry in any list of grants,
  # secrets or environment.
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

  # What runs to its end. Prisma's engine runs out of memory with 1 GiB.
  jobs = local.has_database ? { migrations = { cpu = "1000m", memory = "4Gi" } } : {}

  # Each of them runs as itself.
  identities = concat(keys(local.components), keys(local.jobs))

  # Thousandths of a CPU.
  _cpu = {
    for component, settings in local.components : component => (
      endswith(settings.cpu, "m")
      ? tonumber(trimsuffix(settings.cpu, "m"))
      : tonumber(settings.cpu) * 1000
    )
  }
}

# ---- Images ----

locals {
  _images = {
    gateway = coalesce(
      var.gateway_image, "${var.image_registry}/litellm-gateway:${var.image_tag}"
    )
    backend = coalesce(
      var.backend_image, "${var.image_registry}/litellm-backend:${var.image_tag}"
    )
    ui = coalesce(
      var.ui_image, "${var.image_registry}/litellm-ui:${var.image_tag}"
    )

    # The backend's image has the schema and the script that applies it.
    migrations = coalesce(
      var.migrations_image,
      var.backend_image,
      "${var.image_registry}/litellm-backend:${var.image_tag}"
    )
  }

  # Host and path of the remote repository; null without one.
  _image_proxy = one([
    for repository in google_artifact_registry_repository.image_proxy :
    "${repository.location}-docker.pkg.dev/${repository.project}/${repository.repository_id}"
  ])

  # With the remote repository every image of ghcr.io is pulled through it.
  images = {
    for component, image in local._images : component => (
      var.create_image_proxy && startswith(image, "ghcr.io/")
      ? "${local._image_proxy}/${trimprefix(image, "ghcr.io/")}"
      : image
    )
  }

  # What Cloud Run can pull: [REGION-]docker.pkg.dev, [REGION.]gcr.io, docker.io.
  # A path is lower-case, so a placeholder such as PROJECT_ID does not pass.
  _admitted_image_pattern = join("", [
    "^(([a-z0-9-]+-)?docker[.]pkg[.]dev|([a-z0-9-]+[.])?gcr[.]io|docker[.]io)",
    "(/[a-z0-9]+([._-]+[a-z0-9]+)*)+",
    "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$",
  ])

  # Those that run, and can not be pulled.
  _refused_images = {
    for component in local.identities : component => local.images[component]
    if !can(regex(local._admitted_image_pattern, local.images[component]))
  }
}

# Says what is refused before anything is made, all of it at once.
resource "terraform_data" "images" {
  input = local.images

  lifecycle {
    precondition {
      condition     = length(local._refused_images) == 0
      error_message = "The images must be of a registry that Cloud Run pulls from ([REGION-]docker.pkg.dev, [REGION.]gcr.io or docker.io), in lower case and with no placeholder left; got ${jsonencode(local._refused_images)}. Set create_image_proxy = true to pull ghcr.io through a remote repository of Artifact Registry, or point image_registry or the component's *_image at such a registry."
    }
  }
}

resource "google_artifact_registry_repository" "image_proxy" {
  count = var.create_image_proxy ? 1 : 0

  project       = var.project
  location      = var.region
  repository_id = local.names.image_proxy
  description   = "LiteLLM stack ${local.name}: ghcr.io"
  format        = "DOCKER"
  mode          = "REMOTE_REPOSITORY"
  kms_key_name  = local.kms_key_name
  labels        = local.labels

  remote_repository_config {
    docker_repository {
      custom_repository {
        uri = "https://ghcr.io"
      }
    }
  }
}

# ---- Names ----

locals {
  # The full readable name. It is also the value of the stack label, uncut.
  name = "${var.tenant}-litellm-${var.env}"

  # One row a name: what ends it, and how long it may be in all. No suffix of a
  # resource type ends in another one of the same type, so that two stacks can
  # not meet ("a-litellm-b" + "-writer" against "a-litellm-b-writer"). Limits:
  # API references (RFC 1035 labels 63, connector 25, service account 30,
  # Memorystore 40, Cloud Run 49, secrets 255). Cloud SQL counts
  # "<project>:<instance>", 98 with a project of 30.
  _name_rules = {
    network                 = { suffix = "", limit = 63 }
    subnet                  = { suffix = "-${var.region}", limit = 63 }
    firewall                = { suffix = "-deny", limit = 63 }
    psa_range               = { suffix = "-psa", limit = 63 }
    connector               = { suffix = "-conn", limit = 25 }
    database_writer         = { suffix = "-writer", limit = 98 - 31 - local._random_length }
    database_reader         = { suffix = "-reader", limit = 98 - 31 - local._random_length }
    redis                   = { suffix = "-redis", limit = 40 }
    bucket_data             = { suffix = "-data", limit = 63 - local._random_length, base = local._bucket_base }
    bucket_config           = { suffix = "-config", limit = 63 - local._random_length, base = local._bucket_base }
    bucket_logs             = { suffix = "-logs", limit = 63 - local._random_length, base = local._bucket_base }
    image_proxy             = { suffix = "-ghcr", limit = 63 }
    service_gateway         = { suffix = "-gateway", limit = 49 }
    service_backend         = { suffix = "-backend", limit = 49 }
    service_ui              = { suffix = "-ui", limit = 49 }
    job_migrations          = { suffix = "-migrations", limit = 49 }
    account_gateway         = { suffix = "-gateway", limit = 30 }
    account_backend         = { suffix = "-backend", limit = 30 }
    account_ui              = { suffix = "-ui", limit = 30 }
    account_migrations      = { suffix = "-migrations", limit = 30 }
    secret_master_key       = { suffix = "-master-key", limit = 255 }
    secret_license          = { suffix = "-license", limit = 255 }
    secret_ui_password      = { suffix = "-ui-password", limit = 255 }
    secret_database_url     = { suffix = "-database-url", limit = 255 }
    secret_redis_url        = { suffix = "-redis-url", limit = 255 }
    secret_db_password      = { suffix = "-db-password", limit = 255 }
    lb_address              = { suffix = "-lb-ip", limit = 63 }
    endpoint_group_gateway  = { suffix = "-gateway-neg", limit = 63 }
    endpoint_group_backend  = { suffix = "-backend-neg", limit = 63 }
    endpoint_group_ui       = { suffix = "-ui-neg", limit = 63 }
    backend_service_gateway = { suffix = "-gateway", limit = 63 }
    backend_service_backend = { suffix = "-backend", limit = 63 }
    backend_service_ui      = { suffix = "-ui", limit = 63 }
    url_map                 = { suffix = "-routes", limit = 63 }
    redirect                = { suffix = "-redirect", limit = 63 }
    http                    = { suffix = "-http", limit = 63 }
    https                   = { suffix = "-https", limit = 63 }
    certificate             = { suffix = "-cert", limit = 63 - local._random_length }
  }

  # A bucket's name is the world's, so the project is part of it, unless the
  # project's id holds what Cloud Storage refuses in a bucket's name.
  _bucket_base = (
    can(regex("goog|g00g", var.project)) ? local.name : "${var.project}-${local.name}"
  )

  # A hyphen and four bytes of random_id, or of a hash, in hex.
  _random_length = 9

  # A name that is too long is cut and ended with a hash of the whole. The hash
  # begins with a digit and has nine characters; an env begins with a letter and
  # has nine at most: a cut name never equals a readable one.
  _name_bases = { for role, rule in local._name_rules : role => try(rule.base, local.name) }
  _name_room  = { for role, rule in local._name_rules : role => max(0, rule.limit - length(rule.suffix) - 10) }
  names = {
    for role, rule in local._name_rules : role => (
      length(local._name_bases[role]) + length(rule.suffix) <= rule.limit
      ? "${local._name_bases[role]}${rule.suffix}"
      : join("", [
        # A project's id may hold hyphens in a row.
        replace(substr(local._name_bases[role], 0, local._name_room[role]), "/-+$/", ""),
        "-0${substr(sha256(local._name_bases[role]), 0, 8)}",
        rule.suffix,
      ])
    )
  }
}

# ---- Labels ----

locals {
  # The caller's win. The provider's default_labels are under all of these.
  labels = merge({
    "litellm-stack" = local.name
    "managed-by"    = "terraform"
  }, var.labels)
}
