# Names, labels, images and the table of components. Nothing is read from the
# cloud here: every name is known at plan.

locals {
  # The full readable name. It is also the value of the stack label, uncut.
  name = "${var.tenant}-litellm-${var.env}"

  labels = merge({
    "litellm-stack" = local.name
    "managed-by"    = "terraform"
  }, var.labels)

  # A bucket's name is the world's, so the project is part of it, unless the
  # project's id holds what Cloud Storage refuses in a bucket's name.
  _bucket_base = (
    can(regex("goog|g00g", var.project)) ? local.name : "${var.project}-${local.name}"
  )

  # One row a name: what is cut if it must be, what ends it, how long it may be
  # in all. No suffix of a resource type ends in another one of the same type,
  # so that two stacks can not meet ("a-litellm-b" + "-writer" against
  # "a-litellm-b-writer").
  _name_rules = {
    # RFC 1035 label: 63.
    network         = { base = local.name, suffix = "", limit = 63 }
    subnet          = { base = local.name, suffix = "-${var.region}", limit = 63 }
    psa_range       = { base = local.name, suffix = "-psa", limit = 63 }
    lb_address      = { base = local.name, suffix = "-lb-ip", limit = 63 }
    gateway_neg     = { base = local.name, suffix = "-gateway-neg", limit = 63 }
    backend_neg     = { base = local.name, suffix = "-backend-neg", limit = 63 }
    ui_neg          = { base = local.name, suffix = "-ui-neg", limit = 63 }
    url_map         = { base = local.name, suffix = "-routes", limit = 63 }
    redirect        = { base = local.name, suffix = "-redirect", limit = 63 }
    http            = { base = local.name, suffix = "-http", limit = 63 }
    https           = { base = local.name, suffix = "-https", limit = 63 }
    image_proxy     = { base = local.name, suffix = "-ghcr", limit = 63 }
    certificate     = { base = local.name, suffix = "-cert", limit = 63 - 9 }
    connector       = { base = local.name, suffix = "-conn", limit = 25 }
    redis           = { base = local.name, suffix = "-redis", limit = 40 }
    gateway         = { base = local.name, suffix = "-gateway", limit = 49 }
    backend         = { base = local.name, suffix = "-backend", limit = 49 }
    ui              = { base = local.name, suffix = "-ui", limit = 49 }
    migrations      = { base = local.name, suffix = "-migrations", limit = 49 }
    gateway_account = { base = local.name, suffix = "-gateway", limit = 30 }
    backend_account = { base = local.name, suffix = "-backend", limit = 30 }
    ui_account      = { base = local.name, suffix = "-ui", limit = 30 }
    migrations_account = {
      base = local.name, suffix = "-migrations", limit = 30
    }

    # Cloud SQL counts "<project>:<instance>", 98 with a project of 30. The
    # random end of these and of the buckets takes 9.
    database_writer = { base = local.name, suffix = "-writer", limit = 98 - 31 - 9 }
    database_reader = { base = local.name, suffix = "-reader", limit = 98 - 31 - 9 }
    data_bucket     = { base = local._bucket_base, suffix = "-data", limit = 63 - 9 }
    config_bucket   = { base = local._bucket_base, suffix = "-config", limit = 63 - 9 }

    master_key   = { base = local.name, suffix = "-master-key", limit = 255 }
    license      = { base = local.name, suffix = "-license", limit = 255 }
    ui_password  = { base = local.name, suffix = "-ui-password", limit = 255 }
    db_password  = { base = local.name, suffix = "-db-password", limit = 255 }
    database_url = { base = local.name, suffix = "-database-url", limit = 255 }
    redis_url    = { base = local.name, suffix = "-redis-url", limit = 255 }
  }

  # A name that is too long is cut and ended with a hash of the whole. The hash
  # begins with a digit and has nine characters; an env begins with a letter and
  # has nine at most: a cut name never equals a readable one.
  names = {
    for role, rule in local._name_rules : role => (
      length(rule.base) + length(rule.suffix) <= rule.limit
      ? "${rule.base}${rule.suffix}"
      : join("", [
        replace(
          substr(rule.base, 0, max(0, rule.limit - length(rule.suffix) - 10)), "/-+$/", ""
        ),
        "-0${substr(sha256(rule.base), 0, 8)}",
        rule.suffix,
      ])
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
  _image_pattern = join("", [
    "^(([a-z0-9-]+-)?docker[.]pkg[.]dev|([a-z0-9-]+[.])?gcr[.]io|docker[.]io)",
    "(/[a-z0-9]+([._-]+[a-z0-9]+)*)+",
    "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$",
  ])

  # Those that run, and can not.
  _refused_images = {
    for component, image in local.images : component => image
    if !can(regex(local._image_pattern, image)) && (component != "migrations" || local.has_database)
  }
}

# Says what is refused before anything is made, all of it at once.
resource "terraform_data" "images" {
  input = local.images

  lifecycle {
    precondition {
      condition = length(local._refused_images) == 0
      error_message = join(" ", [
        "Cloud Run pulls from [REGION-]docker.pkg.dev, [REGION.]gcr.io and docker.io only, not",
        "${jsonencode(local._refused_images)}.",
        "Set create_image_proxy = true to pull ghcr.io through a remote repository of Artifact",
        "Registry, or point image_registry or the component's *_image at such a registry, in",
        "lower case and with no placeholder left.",
      ])
    }
  }
}

resource "google_artifact_registry_repository" "image_proxy" {
  count = var.create_image_proxy ? 1 : 0

  project       = var.project
  location      = var.region
  repository_id = local.names.image_proxy
  format        = "DOCKER"
  mode          = "REMOTE_REPOSITORY"
  labels        = local.labels

  remote_repository_config {
    docker_repository {
      custom_repository {
        uri = "https://ghcr.io"
      }
    }
  }
}

# ---- Components ----

locals {
  # What differs between the three services. Environment and command are in
  # environment.tf.
  components = {
    gateway = {
      port          = 4000
      cpu           = var.gateway_cpu
      memory        = var.gateway_memory
      desired_count = var.gateway_desired_count
      autoscaling   = var.gateway_autoscaling_enabled
      min_instances = var.gateway_min_instances
      max_instances = var.gateway_max_instances
      concurrency   = var.gateway_max_instance_request_concurrency
      timeout       = var.request_timeout_seconds
      private       = true
      startup       = { path = "/health/readiness", delay = 10, timeout = 5, failures = 12 }
      liveness      = { path = "/health/liveliness", period = 30, timeout = 5 }
    }
    backend = {
      port          = 4001
      cpu           = var.backend_cpu
      memory        = var.backend_memory
      desired_count = var.backend_desired_count
      autoscaling   = var.backend_autoscaling_enabled
      min_instances = var.backend_min_instances
      max_instances = var.backend_max_instances
      concurrency   = var.backend_max_instance_request_concurrency
      timeout       = var.request_timeout_seconds
      private       = true
      startup       = { path = "/health/readiness", delay = 10, timeout = 5, failures = 12 }
      liveness      = { path = "/health/liveliness", period = 30, timeout = 5 }
    }
    ui = {
      port          = 3000
      cpu           = var.ui_cpu
      memory        = var.ui_memory
      desired_count = var.ui_desired_count
      autoscaling   = var.ui_autoscaling_enabled
      min_instances = var.ui_min_instances
      max_instances = var.ui_max_instances
      concurrency   = var.ui_max_instance_request_concurrency
      timeout       = 300
      private       = false
      startup       = { path = "/healthz", delay = 5, timeout = 3, failures = 6 }
      liveness      = null
    }
  }

  # Thousandths of a CPU.
  _cpu = {
    for component, settings in local.components : component => (
      endswith(settings.cpu, "m")
      ? tonumber(trimsuffix(settings.cpu, "m"))
      : tonumber(settings.cpu) * 1000
    )
  }
}
