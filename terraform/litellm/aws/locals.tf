# Values that more than one file reads. variables.tf and outputs.tf declare no
# locals: this file also has the locals that only they read.

# ---- Constants of the validations ----

locals {
  # MiB of memory that Fargate offers for each number of CPU units (Amazon ECS
  # Developer Guide, task definition parameters for Fargate).
  fargate_memory = {
    256   = [512, 1024, 2048]
    512   = range(1024, 4097, 1024)
    1024  = range(2048, 8193, 1024)
    2048  = range(4096, 16385, 1024)
    4096  = range(8192, 30721, 1024)
    8192  = range(16384, 61441, 4096)
    16384 = range(32768, 122881, 8192)
  }

  # ARN of a secret in the form that ECS accepts, with an optional
  # :json-key:stage:version, or ARN of a parameter.
  secret_pattern = join("", [
    "^arn:[^:]+:(",
    "secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[^:]+(:[^:]*:[^:]*:[^:]*)?",
    "|",
    "ssm:[a-z0-9-]+:[0-9]{12}:parameter/[^:]+",
    ")$",
  ])

  # ARN of an ACM certificate or of an IAM server certificate, or nothing.
  certificate_pattern = join("", [
    "^(arn:[^:]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+|",
    "arn:[^:]+:iam::[0-9]{12}:server-certificate/.+)?$",
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

# The reserved key words of PostgreSQL (its documentation, appendix SQL Key Words), which
# RDS refuses as the name of a database or of a master user.
locals {
  sql_keywords = split(" ", join(" ", [
    "all analyse analyze and any array as asc asymmetric both case cast check collate",
    "column constraint create current_catalog current_date current_role current_time",
    "current_timestamp current_user default deferrable desc distinct do else end except",
    "false fetch for foreign from grant group having in initially intersect into lateral",
    "leading limit localtime localtimestamp not null offset on only or order placing",
    "primary references returning select session_user some symmetric system_user table",
    "then to trailing true union unique user using variadic when where window with",
  ]))
}

# ---- Partition ----

# The region names the partition, which saves a data source (AWS SDKs, partitions.json).
locals {
  partitions = {
    "cn-"      = "aws-cn"
    "eu-isoe-" = "aws-iso-e"
    "eusc-"    = "aws-eusc"
    "us-gov-"  = "aws-us-gov"
    "us-iso-"  = "aws-iso"
    "us-isob-" = "aws-iso-b"
    "us-isof-" = "aws-iso-f"
  }
  partition = try(
    [for prefix, name in local.partitions : name if startswith(var.region, prefix)][0], "aws"
  )
}

# ---- Switches ----

# Each switch decides a count or a for_each. Terraform must know it at plan.
locals {
  # These inputs exist for a VPC or a certificate that is known only after apply.
  create_network = coalesce(var.create_network, var.vpc_id == "")
  tls            = coalesce(var.enable_tls, var.acm_certificate_arn != "")

  has_database = var.create_database || local.own_database
  has_reader   = var.create_database && var.create_read_replica
  has_flow_log = local.create_network && var.enable_flow_logs

  # If null, each service uses the key that AWS manages. The stack creates no key:
  # destroy would delete it, and the final snapshot of the database would be
  # unreadable.
  kms_key_arn = var.kms_key_arn == "" ? null : var.kms_key_arn

  # The credentials are ephemeral: an apply could not see that one is missing. This
  # input declares them, and its value is in the plan.
  own_database = !var.create_database && contains(var.provided_credentials, "database_url")
}

# ---- Components ----

locals {
  # The differences between the three services. environment.tf has their
  # environment and commands. The UI has no permissions: it has no entry in any
  # list of grants, secrets or environment variables.
  #
  # ECS replaces a task with an unhealthy target. Readiness includes the database, so a
  # failover would replace every task; liveness does not.
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
      health              = { path = "/health/liveliness", timeout = 10 }
      draining            = local.stream_draining
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
      health              = { path = "/health/liveliness", timeout = 10 }
      draining            = local.stream_draining
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
      draining            = 30
    }
  }

  # A deployment ends after the streams of the old tasks, or after this time.
  stream_draining = min(var.request_timeout_seconds, 600)

  # The engine of Prisma runs out of memory with 1 GiB.
  jobs = merge(
    local.has_database ? { migrations = { cpu = 512, memory = 4096 } } : {},
    var.create_database ? { bootstrap = { cpu = 256, memory = 512 } } : {},
  )

  # Each component and each job has an identity of its own.
  identities = concat(keys(local.components), keys(local.jobs))
}

# ---- Network ----

locals {
  vpc_id = local.create_network ? one(aws_vpc.this[*].id) : var.vpc_id
  private_subnet_ids = (
    local.create_network
    ? [for az in local.zones : aws_subnet.private[az].id]
    : var.private_subnet_ids
  )

  security_groups = {
    for role, enabled in {
      alb      = true
      gateway  = true
      backend  = true
      ui       = true
      jobs     = local.has_database
      database = var.create_database
      redis    = var.create_redis
    } : role => role if enabled
  }

  task_security_group_ids = {
    for role in ["gateway", "backend", "ui", "jobs"] :
    role => aws_security_group.this[role].id if contains(keys(local.security_groups), role)
  }

  # The additional groups may admit their members to a data store, which the UI
  # must not reach.
  task_security_groups = {
    for role, id in local.task_security_group_ids :
    role => concat([id], role == "ui" ? [] : var.additional_task_security_group_ids)
  }
}

# ---- Entry ----

locals {
  public_url = join("://", [
    local.tls ? "https" : "http",
    var.alb_domain_name != "" ? var.alb_domain_name : aws_lb.this.dns_name,
  ])
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
    } : key => key if enabled
  }
}

# ---- Storage ----

locals {
  config_prefix = "config"
  config_name   = "litellm-config.yaml"
  config_key    = "${local.config_prefix}/${local.config_name}"

  # The prefix of each log writer in the log bucket.
  log_prefixes = { alb = "alb", buckets = "s3", flow = "flow" }

  bucket_arns = { for key, bucket in aws_s3_bucket.this : key => bucket.arn }

  # The ARN of the cluster contains the account, which saves a data source.
  account_id = split(":", aws_ecs_cluster.this.arn)[4]
}

# ---- Tags ----

locals {
  # The tags of the caller override these. Both override the default_tags of the
  # provider.
  tags = merge({
    "litellm:stack" = local.name
    "managed-by"    = "terraform"
  }, var.tags)
}
