# The configuration file of LiteLLM, and the files beside it.

# ---- Configuration ----

locals {
  # LiteLLM shares rate limits, budgets and spend between its processes only through
  # a coordination Redis. LiteLLM 1.110.2 also takes it from the environment, but then
  # ignores a Redis that does not answer when LiteLLM starts, until its next start.
  # The client reads the other settings of the connection from REDIS_*.
  has_redis_url = !var.create_redis && contains(var.provided_credentials, "redis_url")
  redis_target = merge(
    var.create_redis ? { host = "os.environ/REDIS_HOST", port = "os.environ/REDIS_PORT" } : {},
    local.has_redis_url ? { url = "os.environ/REDIS_URL" } : {},
  )
  redis_settings = {
    for name, target in { coordination_redis = local.redis_target } :
    name => target if length(target) > 0
  }

  # uvicorn has resolved the address of the client (FORWARDED_ALLOW_IPS), so for LiteLLM
  # no proxy is in front. Then it also limits failed sign-ins by address. The ranges of
  # the load balancer would admit identity headers of clients in these ranges.
  peer_settings = { trusted_proxy_ranges = [] }

  # gcs_bucket writes the records to the bucket of GCS_BUCKET_NAME. It can not read
  # prompts back.
  callback_name        = "gcs_bucket"
  request_log_settings = {}
  callback_settings    = {}
  given_callbacks      = try(compact(flatten([var.proxy_config.litellm_settings.callbacks])), [])
  callbacks = merge(local.callback_settings, {
    callbacks = distinct(concat(local.given_callbacks, [local.callback_name]))
  })

  # The settings of the caller override those of the module. proxy_config has the type
  # any, and the two sides of a conditional must have the same type.
  general_settings = try(
    merge(local.peer_settings, local.redis_settings, var.proxy_config.general_settings),
    var.proxy_config.general_settings,
    merge(local.peer_settings, local.redis_settings),
  )
  litellm_settings = try(
    merge(local.request_log_settings, var.proxy_config.litellm_settings, local.callbacks),
    merge(local.request_log_settings, local.callbacks),
  )
  config = merge(
    var.proxy_config,
    { general_settings = local.general_settings },
    {
      for section in ["litellm_settings"] :
      section => local.litellm_settings if var.store_request_logs
    },
  )
  config_yaml = yamlencode(local.config)

  # The proxy reads its files only at start, so a change of the hash restarts it.
  config_hash = sha256(jsonencode([local.config_yaml, var.proxy_config_files]))
}

# ---- Checks ----

locals {
  # LiteLLM reads its own credentials also from these settings. null is no credential.
  credential_settings = {
    "general_settings.master_key"              = try(var.proxy_config.general_settings.master_key, null)
    "general_settings.database_url"            = try(var.proxy_config.general_settings.database_url, null)
    "environment_variables.DATABASE_URL"       = try(var.proxy_config.environment_variables.DATABASE_URL, null)
    "environment_variables.LITELLM_MASTER_KEY" = try(var.proxy_config.environment_variables.LITELLM_MASTER_KEY, null)
    "environment_variables.LITELLM_SALT_KEY"   = try(var.proxy_config.environment_variables.LITELLM_SALT_KEY, null)
  }
  literal_secrets = [
    for name, value in local.credential_settings : name
    if try(!startswith(value, "os.environ/"), value != null)
  ]

  # The settings that name an object of a Python module as <module>.<object>
  # (LiteLLM, get_instance_fn).
  module_settings = concat(
    [
      for name in [
        "callbacks", "success_callback", "failure_callback", "audit_log_callbacks", "post_call_rules",
      ] : try(var.proxy_config.litellm_settings[name], null)
    ],
    [
      for name in [
        "custom_auth", "custom_key_generate", "custom_key_update", "custom_key_policy",
        "custom_team_metadata_validate", "custom_sso", "custom_ui_sso_sign_in_handler",
      ] : try(var.proxy_config.general_settings[name], null)
    ],
    [
      for provider in try(var.proxy_config.litellm_settings.custom_provider_map, []) :
      try(provider.custom_handler, null)
    ],
    [
      for guardrail in try(var.proxy_config.guardrails, []) :
      try(guardrail.litellm_params.guardrail, null)
    ],
  )
  module_objects = [for value in flatten(local.module_settings) : try(tostring(value), "")]

  # The images contain the modules of LiteLLM itself.
  module_files = {
    for value in local.module_objects :
    value => "${replace(regex("^(.*)[.][^.]*$", value)[0], ".", "/")}.py"
    if can(regex("^[A-Za-z_]\\w*([.][A-Za-z_]\\w*)+$", value)) && !can(regex("^(litellm|enterprise)", value))
  }
  missing_modules = [
    for value, file in local.module_files : value if !contains(keys(var.proxy_config_files), file)
  ]
}
