data "aws_region" "current" {}

data "aws_partition" "current" {}

# Constants that the validations of variables.tf read.
locals {
  # CPU units to the MiB Fargate sells with them (ECS developer guide, task
  # definition parameters for Fargate).
  fargate_memory = {
    256   = [512, 1024, 2048]
    512   = range(1024, 4097, 1024)
    1024  = range(2048, 8193, 1024)
    2048  = range(4096, 16385, 1024)
    4096  = range(8192, 30721, 1024)
    8192  = range(16384, 61441, 4096)
    16384 = range(32768, 122881, 8192)
  }

  # A secret as ECS takes it, :json-key:stage:version included, or a parameter.
  secret_arn_pattern = join("", [
    "^arn:[^:]+:(",
    "secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[^:]+(:[^:]*:[^:]*:[^:]*)?",
    "|",
    "ssm:[a-z0-9-]+:[0-9]{12}:parameter/[^:]+",
    ")$",
  ])
}

locals {
  # What is there and what is not. Each decides a count or for_each, so each is
  # known at plan: the switches exist for inputs that are not. can() says
  # whether something was given without carrying its ephemeral or sensitive mark
  # along, which count and for_each may not see.
  create_network   = coalesce(var.create_network, var.vpc_id == "")
  tls              = coalesce(var.enable_tls, var.acm_certificate_arn != "")
  master_key_given = can(regex(".", var.litellm_master_key))
  license_given    = can(regex(".", var.litellm_license))
  ui_password_set  = can(regex(".", var.ui_password))
  own_database     = !var.create_database && can(regex(".", var.database_url))
  own_redis        = !var.create_redis && can(regex(".", var.redis_url))
  has_database     = var.create_database || local.own_database
  has_config       = can(keys(var.proxy_config)[0])

  # The services behind the load balancer. The UI is powerless: it has no entry
  # in any list of grants, secrets or environment.
  components = {
    gateway = {
      port                = 4000
      image               = local.images.gateway
      health_path         = "/health/readiness"
      health_timeout      = 10
      grace_period        = 300
      cpu                 = var.gateway_cpu
      memory              = var.gateway_memory
      desired_count       = var.gateway_desired_count
      autoscaling_enabled = var.gateway_autoscaling_enabled
      min_capacity        = var.gateway_min_capacity
      max_capacity        = var.gateway_max_capacity
      cpu_target          = var.gateway_cpu_target
      memory_target       = var.gateway_memory_target
    }
    backend = {
      port                = 4001
      image               = local.images.backend
      health_path         = "/health/readiness"
      health_timeout      = 10
      grace_period        = 300
      cpu                 = var.backend_cpu
      memory              = var.backend_memory
      desired_count       = var.backend_desired_count
      autoscaling_enabled = var.backend_autoscaling_enabled
      min_capacity        = var.backend_min_capacity
      max_capacity        = var.backend_max_capacity
      cpu_target          = var.backend_cpu_target
      memory_target       = var.backend_memory_target
    }
    ui = {
      port                = 3000
      image               = local.images.ui
      health_path         = "/healthz"
      health_timeout      = 5
      grace_period        = 60
      cpu                 = var.ui_cpu
      memory              = var.ui_memory
      desired_count       = var.ui_desired_count
      autoscaling_enabled = var.ui_autoscaling_enabled
      min_capacity        = var.ui_min_capacity
      max_capacity        = var.ui_max_capacity
      cpu_target          = var.ui_cpu_target
      memory_target       = var.ui_memory_target
    }
  }

  # One-off tasks. 1 GiB is too little for the migrations.
  jobs = merge(
    {
      for job in ["migrations"] :
      job => { image = local.images.migrations, cpu = 512, memory = 4096 } if local.has_database
    },
    {
      for job in ["bootstrap"] :
      job => { image = local.images.bootstrap, cpu = 256, memory = 512 } if var.create_database
    },
  )

  identities = concat(keys(local.components), keys(local.jobs))

  images = {
    gateway = var.gateway_image != "" ? var.gateway_image : local._released_images.gateway
    backend = var.backend_image != "" ? var.backend_image : local._released_images.backend
    ui      = var.ui_image != "" ? var.ui_image : local._released_images.ui

    # The backend's image has the schema and the script that applies it.
    migrations = (
      var.migrations_image != "" ? var.migrations_image :
      var.backend_image != "" ? var.backend_image :
      local._released_images.backend
    )

    # psql, from Amazon's mirror of the official image: Docker Hub limits
    # anonymous pulls by address, and a NAT gateway's is shared by all tasks.
    bootstrap = "public.ecr.aws/docker/library/postgres:16-alpine"
  }
  _released_images = {
    for c in ["gateway", "backend", "ui"] :
    c => "${var.image_registry}/litellm-${c}:${var.image_tag}"
  }
}

locals {
  name = "${var.tenant}-litellm-${var.env}"

  # Every name is the readable one with a suffix. One too long for its kind is
  # cut and ends in a hash of the whole name. The hash begins with a digit, as no
  # env does, so a cut name never is another stack's readable one; and no suffix
  # ends in another of its kind. Limits: API references (ELBv2 32, ElastiCache
  # 40, S3 and RDS 63, IAM 64, the others 255 and more).
  names = {
    for role, n in local._names : role => (
      length(local.name) + length(n.suffix) <= n.limit
      ? "${local.name}${n.suffix}"
      : join("", [
        trimsuffix(substr(local.name, 0, n.limit - length(n.suffix) - 10), "-"),
        "-0${substr(sha256(local.name), 0, 8)}",
        n.suffix,
      ])
    )
  }

  _names = merge(
    {
      alb                     = { suffix = "", limit = 32 }
      cluster                 = { suffix = "", limit = 255 }
      database                = { suffix = "-db", limit = 63 }
      database_writer         = { suffix = "-writer", limit = 63 }
      database_reader         = { suffix = "-reader", limit = 63 }
      database_snapshot       = { suffix = "-final-", limit = 255 - local._random_length }
      database_parameters     = { suffix = "-pg${split(".", var.db_engine_version)[0]}", limit = 255 }
      database_subnets        = { suffix = "-db", limit = 255 }
      redis                   = { suffix = "-redis", limit = 40 }
      redis_subnets           = { suffix = "-redis", limit = 255 }
      bucket_data             = { suffix = "-data-", limit = 63 - local._random_length }
      bucket_config           = { suffix = "-config-", limit = 63 - local._random_length }
      security_group_alb      = { suffix = "-alb", limit = 255 }
      security_group_gateway  = { suffix = "-gateway", limit = 255 }
      security_group_backend  = { suffix = "-backend", limit = 255 }
      security_group_ui       = { suffix = "-ui", limit = 255 }
      security_group_jobs     = { suffix = "-jobs", limit = 255 }
      security_group_database = { suffix = "-database", limit = 255 }
      security_group_redis    = { suffix = "-redis", limit = 255 }
    },
    # A target group that must be replaced is made before the old one goes, for
    # a listener rule holds that one; so its name tells what would replace it.
    {
      for c in ["gateway", "backend", "ui"] : "target_group_${c}" => {
        suffix = "-${c}-${local._target_group_tail}"
        limit  = 32
      }
    },
    {
      for c in ["gateway", "backend", "ui"] :
      "service_${c}" => { suffix = "-${c}", limit = 255 }
    },
    {
      for c in ["gateway", "backend", "ui"] :
      "service_fixed_${c}" => { suffix = "-${c}-fixed", limit = 255 }
    },
    {
      for c in ["gateway", "backend", "ui", "migrations", "bootstrap"] :
      "task_${c}" => { suffix = "-${c}", limit = 255 }
    },
    {
      for s in ["master-key", "license", "ui-password", "database-url", "redis-url"] :
      "secret_${s}" => { suffix = "-${s}", limit = 512 }
    },
    # Roles are the account's, not the region's.
    {
      for c in ["gateway", "backend", "ui", "migrations", "bootstrap"] :
      "role_task_${c}" => { suffix = "-${var.region}-${c}-task", limit = 64 }
    },
    {
      for c in ["gateway", "backend", "ui", "migrations", "bootstrap"] :
      "role_execution_${c}" => { suffix = "-${var.region}-${c}-execution", limit = 64 }
    },
  )

  # Four bytes of random_id in hex.
  _random_length     = 8
  _target_group_tail = substr(sha256(local.create_network ? var.vpc_cidr : var.vpc_id), 0, 4)

  # The caller's tags win. Provider default_tags are under all of these.
  tags = merge({ "litellm:stack" = local.name, "managed-by" = "terraform" }, var.tags)
}
