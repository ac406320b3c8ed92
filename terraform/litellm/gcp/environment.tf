# Environment and command of every container. A later layer replaces a variable of
# an earlier one: defaults, OpenTelemetry, *_extra_env, *_extra_secrets. Each name is
# either plain or secret: Cloud Run rejects duplicates.

# ---- Defaults ----

locals {
  # The images build DATABASE_URL from these and DATABASE_PASSWORD. The proxy reads
  # DATABASE_USER, the script of the migrations DATABASE_USERNAME. The certificate of
  # the instance does not contain its address, so the proxy encrypts but can not verify.
  database_env = var.create_database ? {
    DATABASE_HOST     = one(google_sql_database_instance.writer[*].private_ip_address)
    DATABASE_PORT     = "5432"
    DATABASE_USER     = one(google_sql_user.app[*].name)
    DATABASE_USERNAME = one(google_sql_user.app[*].name)
    DATABASE_NAME     = local.database_name
    DATABASE_SSLMODE  = "require"
  } : {}

  reader_env = local.has_reader ? {
    DATABASE_HOST_READ_REPLICA = one(google_sql_database_instance.reader[*].private_ip_address)
    DATABASE_PORT_READ_REPLICA = "5432"
  } : {}

  # During a rotation the instance has two certificate authorities.
  redis_ca_certs = flatten(google_redis_instance.this[*].server_ca_certs[*].cert)
  redis_ca_pem   = var.create_redis ? join("\n", local.redis_ca_certs) : null

  # The start command writes REDIS_CA_PEM_B64 to the file. The certificate of the
  # instance has its address in the common name only, which the client does not check.
  redis_env = var.create_redis ? {
    REDIS_HOST               = one(google_redis_instance.this[*].host)
    REDIS_PORT               = tostring(one(google_redis_instance.this[*].port))
    REDIS_SSL                = "true"
    REDIS_SSL_CA_CERTS       = "/tmp/redis-ca.pem"
    REDIS_SSL_CHECK_HOSTNAME = "false"
    REDIS_CA_PEM_B64         = base64encode(local.redis_ca_pem)
  } : {}

  # The container mounts the bucket.
  config_env = {
    CONFIG_FILE_PATH  = "/etc/litellm/${local.config_name}"
    PROXY_CONFIG_HASH = local.config_hash
  }

  # LiteLLM reads the name of the bucket from this variable.
  request_log_env = var.store_request_logs ? {
    GCS_BUCKET_NAME = google_storage_bucket.this["data"].name
  } : {}

  # The URL of the stack for browsers and e-mails.
  public_url_env = { PROXY_BASE_URL = local.public_url }

  # The load balancer appends the address of the client and its own address to
  # X-Forwarded-For. The peer of the container is in the link-local range.
  balancer_ranges = [google_compute_global_address.lb.address, "169.254.0.0/16"]

  server_env = merge(
    {
      # LiteLLM reads no .env file.
      LITELLM_MODE = "PRODUCTION"
      # Only the migrations change the schema.
      DISABLE_SCHEMA_UPDATE = "true"
      # uvicorn reads the protocol and the address of a client from the headers of
      # these peers only. With "*" a client could choose its address by a header.
      FORWARDED_ALLOW_IPS = join(",", local.balancer_ranges)
      # A new version of a secret restarts the services.
      SECRET_VERSIONS = local.secret_versions_text
    },
    # Without this variable a component does not load the models, credentials and
    # settings that the dashboard stores.
    local.has_database ? { STORE_MODEL_IN_DB = "true" } : {},
    local.database_env,
    local.reader_env,
    local.redis_env,
    local.config_env,
    local.request_log_env,
    local.public_url_env,
  )

  default_env = {
    gateway = local.server_env
    backend = local.server_env
    ui      = {}
    migrations = merge(
      { LITELLM_MODE = "PRODUCTION" },
      local.database_env,
      local.network_env,
    )
  }

  # The secrets of the stack have fixed versions: a new version creates a new
  # revision, and an old revision can still read the old version.
  stack_secrets = merge(
    {
      for key in keys(local.secrets) : key => {
        id      = google_secret_manager_secret.this[key].secret_id
        version = google_secret_manager_secret_version.this[key].version
      }
    },
    {
      salt_key = {
        id      = google_secret_manager_secret.salt_key.secret_id
        version = google_secret_manager_secret_version.salt_key.version
      }
    },
  )

  stack_secret_keys = keys(local.stack_secrets)

  # Environment variable to key of stack_secrets. A key without a secret has no effect.
  database_secrets = {
    DATABASE_PASSWORD = "db_password"
    DATABASE_URL      = "database_url"
  }
  server_secrets = merge(local.database_secrets, {
    LITELLM_MASTER_KEY = "master_key"
    LITELLM_SALT_KEY   = "salt_key"
    LITELLM_LICENSE    = "license"
    REDIS_URL          = "redis_url"
  })
  default_secrets = {
    gateway    = local.server_secrets
    backend    = merge(local.server_secrets, { UI_PASSWORD = "ui_password" })
    ui         = {}
    migrations = local.database_secrets
  }
}

# ---- OpenTelemetry and extras ----

locals {
  otel_env = {
    for component in ["gateway", "backend"] : component => var.otel_endpoint != "" ? {
      LITELLM_OTEL_V2                                    = "true"
      OTEL_EXPORTER                                      = var.otel_exporter
      OTEL_ENDPOINT                                      = var.otel_endpoint
      OTEL_ENVIRONMENT_NAME                              = coalesce(var.otel_environment_name, var.env)
      OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT = var.otel_capture_message_content
      OTEL_SERVICE_NAME                                  = "${local.name}-${component}"
    } : {}
  }
  otel_secrets = {
    for component in ["gateway", "backend"] : component => (
      var.otel_endpoint != "" && var.otel_headers_secret != ""
      ? { OTEL_HEADERS = var.otel_headers_secret } : {}
    )
  }

  # Variable names and ids of secrets are not secret, even in a sensitive map. for_each
  # does not accept the mark.
  extra_env = {
    for component, env in { gateway = var.gateway_extra_env, backend = var.backend_extra_env } :
    component => { for name in nonsensitive(keys(env)) : name => env[name] }
  }
  extra_secrets = {
    for component, ids in {
      gateway = var.gateway_extra_secrets, backend = var.backend_extra_secrets
    } : component => { for name in nonsensitive(keys(ids)) : name => nonsensitive(ids[name]) }
  }
}

# ---- Network of the jobs ----

locals {
  # What a program needs to reach other hosts: proxies, certificate authorities, TLS.
  network_variables = concat(
    ["http_proxy", "https_proxy", "all_proxy", "no_proxy"],
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"],
    ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"],
    ["NODE_EXTRA_CA_CERTS", "DATABASE_SSLMODE", "DATABASE_SSLROOTCERT"],
  )

  # A job has these variables of the backend.
  network_env = {
    for name, value in local.extra_env.backend : name => value
    if contains(local.network_variables, name)
  }
}

# ---- Precedence ----

locals {
  extra_env_names = {
    for component in local.identities :
    component => keys(lookup(local.extra_env, component, {}))
  }

  plain_env = {
    for component in local.identities : component => merge(
      local.default_env[component],
      lookup(local.otel_env, component, {}),
      lookup(local.extra_env, component, {}),
    )
  }

  default_secret_env = {
    for component in local.identities : component => merge(
      {
        for name, key in local.default_secrets[component] :
        name => local.stack_secrets[key] if contains(local.stack_secret_keys, key)
      },
      {
        for name, id in lookup(local.otel_secrets, component, {}) :
        name => { id = id, version = "latest" }
      },
    )
  }

  secret_env = {
    for component in local.identities : component => merge(
      {
        for name, secret in local.default_secret_env[component] :
        name => secret if !contains(local.extra_env_names[component], name)
      },
      {
        for name, id in lookup(local.extra_secrets, component, {}) :
        name => { id = id, version = "latest" }
      },
    )
  }

  environment = {
    for component, variables in local.plain_env : component => {
      for name, value in variables :
      name => value if !contains(keys(local.secret_env[component]), name)
    }
  }

  # Cloud Run accepts the short id for a secret in its own project.
  secret_environment = {
    for component, secrets in local.secret_env : component => {
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
  # The proxy reads the certificate authority of Redis from a file. Then the script runs
  # the launcher of the image, which starts PgBouncer and ddtrace if the environment
  # requests them. The shell receives one line.
  start_scripts = {
    for component in ["gateway", "backend"] :
    component => templatefile("${path.module}/templates/start.sh.tftpl", {
      component    = component
      port         = local.components[component].port
      workers      = var.gateway_num_workers
      has_redis_ca = var.create_redis

      # The server must keep an idle connection longer than the load balancer, which
      # keeps it for 600 seconds. Otherwise a request that uses a closed connection
      # is lost.
      keep_alive = 620
    })
  }
  start_commands = {
    for component, script in local.start_scripts :
    component => ["sh", "-c", replace(trimspace(script), "\n", " ")]
  }

  # If null, the container runs the command of the image. A command replaces the
  # entrypoint. Cloud Run sets PORT, which the commands do not read.
  commands = {
    gateway    = local.start_commands.gateway
    backend    = local.start_commands.backend
    ui         = null
    migrations = ["python", "litellm/proxy/prisma_migration.py"]
  }
}

# ---- Containers ----

locals {
  # The services, the job and the output containers use the same values.
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
