# The name of every resource. Every name is known at plan, except the random
# suffix of a bucket and of a database instance.

locals {
  # The full name, and the value of the stack label, which is never shortened.
  name = "${var.tenant}-litellm-${var.env}"

  # Suffix and maximum length of each name. No suffix ends in another suffix of
  # the same resource type. Otherwise two stacks could use the same name
  # ("a-litellm-b" + "-writer" and "a-litellm-b-writer").
  # Limits: API references (RFC 1035 labels 63, connector 25, service account 30,
  # Memorystore 40, Cloud Run 49, secrets 255). Cloud SQL counts
  # "<project>:<instance>", 98 with a project of 30.
  name_rules = {
    network                 = { suffix = "", limit = 63 }
    subnet                  = { suffix = "-${var.region}", limit = 63 - local.range_suffix_length }
    firewall                = { suffix = "-deny", limit = 63 }
    psa_range               = { suffix = "-psa", limit = 63 }
    connector               = { suffix = "-conn", limit = 25 - local.range_suffix_length }
    connector_subnet        = { suffix = "-conn", limit = 63 - local.range_suffix_length }
    database_writer         = { suffix = "-writer", limit = 98 - 31 - local.random_suffix_length }
    database_reader         = { suffix = "-reader", limit = 98 - 31 - local.random_suffix_length }
    redis                   = { suffix = "-redis", limit = 40 - local.random_suffix_length }
    bucket_data             = { suffix = "-data", limit = 63 - local.random_suffix_length, base = local.bucket_base }
    bucket_config           = { suffix = "-config", limit = 63 - local.random_suffix_length, base = local.bucket_base }
    bucket_logs             = { suffix = "-logs", limit = 63 - local.random_suffix_length, base = local.bucket_base }
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
    secret_salt_key         = { suffix = "-salt-key", limit = 255 }
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
    certificate             = { suffix = "-cert", limit = 63 - local.random_suffix_length }
  }

  # A hyphen and four bytes of random_id in hex, or of a hash.
  random_suffix_length = 9

  # A hyphen and three digits of the hash of a range or its first address.
  range_suffix_length = 4

  # Bucket names are global, so the project is part of them. Cloud Storage rejects
  # the names of some projects in a bucket name.
  bucket_base = can(regex("goog|g00g", var.project)) ? local.name : "${var.project}-${local.name}"

  # A name that exceeds its limit is cut, and a hash of the full name follows. The
  # hash starts with a digit and has nine characters. An env starts with a letter
  # and has at most nine: a shortened name never equals a full one.
  name_bases  = { for role, rule in local.name_rules : role => try(rule.base, local.name) }
  name_hashes = { for role, base in local.name_bases : role => "-0${substr(sha256(base), 0, 8)}" }
  prefix_lengths = {
    for role, rule in local.name_rules :
    role => max(0, rule.limit - length("${local.name_hashes[role]}${rule.suffix}"))
  }
  # A project id may contain consecutive hyphens.
  name_prefixes = {
    for role, limit in local.prefix_lengths :
    role => replace(substr(local.name_bases[role], 0, limit), "/-+$/", "")
  }
  names = {
    for role, rule in local.name_rules : role => (
      length("${local.name_bases[role]}${rule.suffix}") <= rule.limit
      ? "${local.name_bases[role]}${rule.suffix}"
      : "${local.name_prefixes[role]}${local.name_hashes[role]}${rule.suffix}"
    )
  }
}
