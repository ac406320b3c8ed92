# What there is, the table of components, images, names and tags. Every name but
# one of a bucket or snapshot is known at plan.

data "aws_region" "current" {}

data "aws_partition" "current" {}

# ---- Rules of the inputs ----

# Constants, for the validations of variables.tf.
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
  secret_pattern = join("", [
    "^arn:[^:]+:(",
    "secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[^:]+(:[^:]*:[^:]*:[^:]*)?",
    "|",
    "ssm:[a-z0-9-]+:[0-9]{12}:parameter/[^:]+",
    ")$",
  ])
}

# ---- What there is ----

# Each of these decides a count or a for_each, so each must be known at plan.
locals {
  # The switches are there for a VPC or a certificate known only after apply.
  create_network = coalesce(var.create_network, var.vpc_id == "")
  tls            = coalesce(var.enable_tls, var.acm_certificate_arn != "")
  waf            = coalesce(var.enable_waf, var.waf_web_acl_arn != "")

  own_database = !var.create_database && local.given.database_url
  own_redis    = !var.create_redis && local.given.redis_url
  has_database = var.create_database || local.own_database
  has_reader   = var.create_database && var.create_read_replica
  has_monitor  = var.create_database && var.db_monitoring_interval > 0
  has_flow_log = local.create_network && var.enable_flow_logs
  has_logs     = var.enable_access_logs || local.has_flow_log

  # Without a key of the caller's each service takes its own. The stack makes
  # none: it would go with the stack, and the database's last snapshot with it.
  kms_key_arn = var.kms_key_arn == "" ? null : var.kms_key_arn

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
      min_capacity        = var.gateway_min_capacity
      max_capacity        = var.gateway_max_capacity
      cpu_target          = var.gateway_cpu_target
      memory_target       = var.gateway_memory_target
      grace_period        = 300
      health              = { path = "/health/readiness", timeout = 10 }
    }
    backend = {
      port                = 4001
      cpu                 = var.backend_cpu
      memory              = var.backend_memory
      desired_count       = var.backend_desired_count
      autoscaling_enabled = var.backend_autoscaling_enabled
      min_capacity        = var.backend_min_capacity
      max_capacity        = var.backend_max_capacity
      cpu_target          = var.backend_cpu_target
      memory_target       = var.backend_memory_target
      grace_period        = 300
      health              = { path = "/health/readiness", timeout = 10 }
    }
    ui = {
      port                = 3000
      cpu                 = var.ui_cpu
      memory              = var.ui_memory
      desired_count       = var.ui_desired_count
      autoscaling_enabled = var.ui_autoscaling_enabled
      min_capacity        = var.ui_min_capacity
      max_capacity        = var.ui_max_capacity
      cpu_target          = var.ui_cpu_target
      memory_target       = var.ui_memory_target
      grace_period        = 60
      health              = { path = "/healthz", timeout = 5 }
    }
  }

  # What runs to its end. Prisma's engine runs out of memory with 1 GiB.
  jobs = merge(
    local.has_database ? { migrations = { cpu = 512, memory = 4096 } } : {},
    var.create_database ? { bootstrap = { cpu = 256, memory = 512 } } : {},
  )

  # Each of them runs as itself.
  identities = concat(keys(local.components), keys(local.jobs))
}

# ---- Images ----

locals {
  images = {
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

    # psql, from Amazon's mirror of the official image: Docker Hub limits
    # anonymous pulls by address, and a NAT gateway's is shared by all tasks.
    bootstrap = "public.ecr.aws/docker/library/postgres:16-alpine"
  }
}

# ---- Names ----

locals {
  # The full readable name. It is also the value of the stack tag, uncut.
  name = "${var.tenant}-litellm-${var.env}"

  # One row a name: what ends it, and how long it may be in all. No suffix of a
  # resource type ends in another one of the same type, so that two stacks can
  # not meet ("a-litellm-b" + "-writer" against "a-litellm-b-writer"). Limits:
  # API references (ELBv2 32, ElastiCache 40, S3 and RDS 63, IAM 64, the others
  # 255 and more).
  _name_rules = merge(
    {
      alb                     = { suffix = "", limit = 32 }
      cluster                 = { suffix = "", limit = 255 }
      database                = { suffix = "-db", limit = 63 }
      database_writer         = { suffix = "-writer", limit = 63 }
      database_reader         = { suffix = "-reader", limit = 63 }
      database_snapshot       = { suffix = "-final", limit = 255 - local._random_length }
      database_parameters     = { suffix = "-pg${split(".", var.db_engine_version)[0]}", limit = 255 }
      database_subnets        = { suffix = "-db", limit = 255 }
      redis                   = { suffix = "-redis", limit = 40 }
      redis_subnets           = { suffix = "-redis", limit = 255 }
      bucket_data             = { suffix = "-data", limit = 63 - local._random_length }
      bucket_config           = { suffix = "-config", limit = 63 - local._random_length }
      bucket_logs             = { suffix = "-logs", limit = 63 - local._random_length }
      security_group_alb      = { suffix = "-alb", limit = 255 }
      security_group_gateway  = { suffix = "-gateway", limit = 255 }
      security_group_backend  = { suffix = "-backend", limit = 255 }
      security_group_ui       = { suffix = "-ui", limit = 255 }
      security_group_jobs     = { suffix = "-jobs", limit = 255 }
      security_group_database = { suffix = "-database", limit = 255 }
      security_group_redis    = { suffix = "-redis", limit = 255 }
      service_gateway         = { suffix = "-gateway", limit = 255 }
      service_backend         = { suffix = "-backend", limit = 255 }
      service_ui              = { suffix = "-ui", limit = 255 }
      service_fixed_gateway   = { suffix = "-gateway-fixed", limit = 255 }
      service_fixed_backend   = { suffix = "-backend-fixed", limit = 255 }
      service_fixed_ui        = { suffix = "-ui-fixed", limit = 255 }
      secret_master_key       = { suffix = "-master-key", limit = 512 }
      secret_license          = { suffix = "-license", limit = 512 }
      secret_ui_password      = { suffix = "-ui-password", limit = 512 }
      secret_database_url     = { suffix = "-database-url", limit = 512 }
      secret_redis_url        = { suffix = "-redis-url", limit = 512 }
    },
    # A target group that must be replaced is made before the old one goes, for
    # a listener rule holds that one; so its name tells what would replace it.
    {
      for component in ["gateway", "backend", "ui"] : "target_group_${component}" => {
        suffix = "-${component}-${local._target_group_tail}"
        limit  = 32
      }
    },
    {
      for component in ["gateway", "backend", "ui", "migrations", "bootstrap"] :
      "task_${component}" => { suffix = "-${component}", limit = 255 }
    },
    # Roles are the account's, not the region's.
    { role_monitoring = { suffix = "-${var.region}-monitoring", limit = 64 } },
    {
      for component in ["gateway", "backend", "ui", "migrations", "bootstrap"] :
      "role_task_${component}" => { suffix = "-${var.region}-${component}-task", limit = 64 }
    },
    {
      for component in ["gateway", "backend", "ui", "migrations", "bootstrap"] :
      "role_execution_${component}" => {
        suffix = "-${var.region}-${component}-execution"
        limit  = 64
      }
    },
  )

  _target_group_tail = substr(sha256(local.create_network ? var.vpc_cidr : var.vpc_id), 0, 4)

  # A hyphen and four bytes of random_id in hex.
  _random_length = 9

  # A name that is too long is cut and ended with a hash of the whole. The hash
  # begins with a digit and has nine characters; an env begins with a letter and
  # has nine at most: a cut name never equals a readable one.
  _name_hash = "-0${substr(sha256(local.name), 0, 8)}"
  _name_heads = {
    for role, rule in local._name_rules :
    role => substr(local.name, 0, max(0, rule.limit - length(rule.suffix) - length(local._name_hash)))
  }
  names = {
    for role, rule in local._name_rules : role => (
      length(local.name) + length(rule.suffix) <= rule.limit
      ? "${local.name}${rule.suffix}"
      : "${trimsuffix(local._name_heads[role], "-")}${local._name_hash}${rule.suffix}"
    )
  }
}

# ---- Tags ----

locals {
  # The caller's win. The provider's default_tags are under all of these.
  tags = merge({
    "litellm:stack" = local.name
    "managed-by"    = "terraform"
  }, var.tags)
}
