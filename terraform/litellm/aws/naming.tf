# The name of every resource. Every name is known at plan, except the random
# suffix of a bucket and of a snapshot.

locals {
  # The full name, and the value of the stack tag, which is never shortened.
  name = "${var.tenant}-litellm-${var.env}"

  # Suffix and maximum length of each name. No suffix ends in another suffix of
  # the same resource type. Otherwise two stacks could use the same name
  # ("a-litellm-b" + "-writer" and "a-litellm-b-writer").
  # Limits: API references (ELBv2 32, ElastiCache 40, S3 and RDS 63, IAM 64, the
  # others 255 or more).
  name_rules = merge(
    {
      alb                     = { suffix = "", limit = 32 }
      cluster                 = { suffix = "", limit = 255 }
      database                = { suffix = "-db", limit = 63 }
      database_writer         = { suffix = "-writer", limit = 63 }
      database_reader         = { suffix = "-reader", limit = 63 }
      database_snapshot       = { suffix = "-final", limit = 255 - local.random_suffix_length }
      database_parameters     = { suffix = "-pg${split(".", var.db_engine_version)[0]}", limit = 255 }
      database_subnets        = { suffix = "-db", limit = 255 }
      redis                   = { suffix = "-redis", limit = 40 }
      redis_subnets           = { suffix = "-redis", limit = 255 }
      redis_parameters        = { suffix = "-redis7", limit = 255 }
      bucket_data             = { suffix = "-data", limit = 63 - local.random_suffix_length }
      bucket_config           = { suffix = "-config", limit = 63 - local.random_suffix_length }
      bucket_logs             = { suffix = "-logs", limit = 63 - local.random_suffix_length }
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
      secret_salt_key         = { suffix = "-salt-key", limit = 512 - local.random_suffix_length }
      secret_license          = { suffix = "-license", limit = 512 }
      secret_ui_password      = { suffix = "-ui-password", limit = 512 }
      secret_database_url     = { suffix = "-database-url", limit = 512 }
      secret_redis_url        = { suffix = "-redis-url", limit = 512 }
    },
    # A listener rule uses the target group, so Terraform creates the new group
    # before it deletes the old one. The two need different names: the suffix
    # depends on the network, which forces the replacement.
    {
      for component in ["gateway", "backend", "ui"] : "target_group_${component}" => {
        suffix = "-${component}-${local.target_group_hash}"
        limit  = 32
      }
    },
    {
      for component in ["gateway", "backend", "ui", "migrations", "bootstrap"] :
      "task_${component}" => { suffix = "-${component}", limit = 255 }
    },
    # Roles are global in an account, so their names contain the region.
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

  # A hyphen and four bytes of random_id in hex.
  random_suffix_length = 9

  target_group_hash = substr(sha256(local.network_key), 0, 4)
  network_key       = local.create_network ? var.vpc_cidr : var.vpc_id

  # A name that exceeds its limit is cut, and a hash of the full name follows. The
  # hash starts with a digit and has nine characters. An env starts with a letter
  # and has at most nine: a shortened name never equals a full one.
  name_hash = "-0${substr(sha256(local.name), 0, 8)}"
  prefix_lengths = {
    for role, rule in local.name_rules :
    role => max(0, rule.limit - length("${local.name_hash}${rule.suffix}"))
  }
  name_prefixes = {
    for role, limit in local.prefix_lengths :
    role => trimsuffix(substr(local.name, 0, limit), "-")
  }
  names = {
    for role, rule in local.name_rules : role => (
      length("${local.name}${rule.suffix}") <= rule.limit
      ? "${local.name}${rule.suffix}"
      : "${local.name_prefixes[role]}${local.name_hash}${rule.suffix}"
    )
  }
}
