# Environment and command of every container. A container's environment is one
# map: defaults, then OpenTelemetry, then *_extra_env, then *_extra_secrets. A
# later layer replaces a name, so that none is there twice, nor both plain and
# secret, which Cloud Run refuses. It is split in two only at the end.

# ---- Defaults ----

locals {
  # The images put DATABASE_URL together from these and DATABASE_PASSWORD.
  _database_env = var.create_database ? {
    DATABASE_HOST = one(google_sql_database_instance.writer[*].private_ip_address)
    DATABASE_PORT = "5432"
    DATABASE_USER = one(google_sql_user.app[*].name)
    DATABASE_NAME = one(google_sql_database.this[*].name)
  } : {}

  _reader_env = local.has_reader ? {
    DATABASE_HOST_READ_REPLICA = one(google_sql_database_instance.reader[*].private_ip_address)
    DATABASE_PORT_READ_REPLICA = "5432"
  } : {}

  # The start command writes REDIS_CA_PEM_B64 to the file.
  _redis_env = var.create_redis ? {
    REDIS_HOST         = one(google_redis_instance.this[*].host)
    REDIS_PORT         = tostring(one(google_redis_instance.this[*].port))
    REDIS_SSL          = "true"
    REDIS_SSL_CA_CERTS = "/tmp/redis-ca.pem"
    REDIS_CA_PEM_B64   = base64encode(local.redis_ca_pem)
  } : {}

  # The bucket is mounted. The hash rolls the services in the apply that changes
  # the file: it is read at start only.
  _config_env = local.has_config ? {
    CONFIG_FILE_PATH  = "/etc/litellm/${local.config_key}"
    PROXY_CONFIG_HASH = sha256(local.config_yaml)
  } : {}

  _server_env = merge(
    {
      # The migrations change the schema, and nothing else does.
      DISABLE_SCHEMA_UPDATE = "true"
      # uvicorn believes X-Forwarded-Proto of 127.0.0.1 only; behind the load
      # balancer it would redirect https to http. Nothing else reaches the port.
      FORWARDED_ALLOW_IPS = "*"
      # Rolls the services when the secrets were written anew.
      SECRETS_VERSION = tostring(var.secrets_version)
      GCS_BUCKET_NAME = google_storage_bucket.this["data"].name
    },
    local._database_env,
    local._reader_env,
    local._redis_env,
    local._config_env,
  )

  _default_env = {
    gateway    = local._server_env
    backend    = merge(local._server_env, local.has_database ? { STORE_MODEL_IN_DB = "true" } : {})
    ui         = {}
    migrations = local._database_env
  }

  # The stack's own secrets are pinned by number: a new version is a new revision,
  # and an old revision still finds the old one.
  _own_secrets = {
    for key in keys(local.secrets) : key => {
      id      = google_secret_manager_secret.this[key].secret_id
      version = google_secret_manager_secret_version.this[key].version
    }
  }

  # Name to the key above. Those that are not there drop out below.
  _database_secrets = {
    DATABASE_PASSWORD = "db_password"
    DATABASE_URL      = "database_url"
  }
  _server_secrets = merge(local._database_secrets, {
    LITELLM_MASTER_KEY = "master_key"
    LITELLM_LICENSE    = "license"
    REDIS_URL          = "redis_url"
  })
  _default_secrets = {
    gateway    = local._server_secrets
    backend    = merge(local._server_secrets, { UI_PASSWORD = "ui_password" })
    ui         = {}
    migrations = local._database_secrets
  }
}

# ---- OpenTelemetry and extras ----

locals {
  _otel_env = {
    for component in ["gateway", "backend"] : component => var.otel_endpoint != "" ? {
      LITELLM_OTEL_V2                                    = "true"
      OTEL_EXPORTER                                      = var.otel_exporter
      OTEL_ENDPOINT                                      = var.otel_endpoint
      OTEL_ENVIRONMENT_NAME                              = coalesce(var.otel_environment_name, var.env)
      OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT = var.otel_capture_message_content
      OTEL_SERVICE_NAME                                  = "${local.name}-${component}"
    } : {}
  }
  _otel_secrets = {
    for component in ["gateway", "backend"] : component => (
      var.otel_endpoint != "" && var.otel_headers_secret != ""
      ? { OTEL_HEADERS = var.otel_headers_secret } : {}
    )
  }

  # Names of variables and ids of secrets are no secrets, even in a map that is
  # marked as one; for_each would refuse them.
  _extra_env = {
    for component, env in { gateway = var.gateway_extra_env, backend = var.backend_extra_env } :
    component => { for name in nonsensitive(keys(env)) : name => env[name] }
  }
  _extra_secrets = {
    for component, ids in {
      gateway = var.gateway_extra_secrets, backend = var.backend_extra_secrets
    } : component => { for name in nonsensitive(keys(ids)) : name => nonsensitive(ids[name]) }
  }
}

# ---- Precedence ----

locals {
  # *_extra_env replaces any default of its name; *_extra_secrets replace everything.
  _plain = {
    for component in local.identities : component => merge(
      local._default_env[component],
      lookup(local._otel_env, component, {}),
      lookup(local._extra_env, component, {}),
    )
  }

  _default_secret_refs = {
    for component in local.identities : component => merge(
      {
        for name, key in local._default_secrets[component] :
        name => local._own_secrets[key] if contains(keys(local._own_secrets), key)
      },
      { for name, id in lookup(local._otel_secrets, component, {}) : name => { id = id, version = "latest" } },
    )
  }

  _secrets = {
    for component in local.identities : component => merge(
      {
        for name, secret in local._default_secret_refs[component] :
        name => secret if !contains(keys(lookup(local._extra_env, component, {})), name)
      },
      { for name, id in lookup(local._extra_secrets, component, {}) : name => { id = id, version = "latest" } },
    )
  }

  environment = {
    for component, variables in local._plain : component => {
      for name, value in variables : name => value if !contains(keys(local._secrets[component]), name)
    }
  }

  # Cloud Run takes the bare id for a secret of its own project.
  secret_environment = {
    for component, secrets in local._secrets : component => {
      for name, secret in secrets : name => {
        ref       = trimprefix(secret.id, "projects/${var.project}/secrets/")
        version   = secret.version
        project   = try(regex("^projects/([^/]+)/", secret.id)[0], var.project)
        secret_id = basename(secret.id)
      }
    }
  }
}

# ---- Commands ----

locals {
  # The authority's certificate is wanted as a file.
  _before_start = (
    var.create_redis
    ? ["printf %s \"$REDIS_CA_PEM_B64\" | base64 -d > /tmp/redis-ca.pem"]
    : []
  )

  # null is the image's own. Cloud Run takes a command in place of the image's
  # entrypoint. It sets PORT, which the commands do not read.
  commands = {
    gateway = ["sh", "-c", join(" && ", concat(local._before_start, [join(" ", [
      "exec uvicorn gateway.main:app --host 0.0.0.0 --port ${local.components.gateway.port}",
      "--workers ${var.gateway_num_workers}",
    ])]))]
    backend = ["sh", "-c", join(" && ", concat(local._before_start, [
      "exec uvicorn backend.main:app --host 0.0.0.0 --port ${local.components.backend.port}",
    ]))]
    ui = null
    migrations = (
      var.migrations_image == "" ? ["python", "litellm/proxy/prisma_migration.py"] : null
    )
  }
}

# ---- Containers ----

locals {
  # What runs, and nothing else: the services, the job and the output are made of
  # the same locals.
  containers = {
    for component in local.identities : component => {
      image       = local.images[component]
      port        = try(local.components[component].port, null)
      command     = local.commands[component]
      environment = local.environment[component]
      secrets = {
        for name, secret in local.secret_environment[component] : name => secret.ref
      }
    }
  }
}
