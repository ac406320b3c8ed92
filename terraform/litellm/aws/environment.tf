# Environment and command of every container. A later layer replaces a variable of
# an earlier one: defaults, OpenTelemetry, *_extra_env, *_extra_secrets. Each name is
# either plain or secret: ECS rejects duplicates.

# ---- Defaults ----

locals {
  region_env = {
    AWS_REGION      = var.region
    AWS_REGION_NAME = var.region
  }

  # The images build DATABASE_URL from these and an IAM token. The proxy reads
  # DATABASE_USER, the script of the migrations DATABASE_USERNAME. The image has no
  # certificate authority of RDS, so it encrypts but does not verify.
  database_env = var.create_database ? {
    IAM_TOKEN_DB_AUTH = "true"
    DATABASE_HOST     = one(aws_rds_cluster.this[*].endpoint)
    DATABASE_PORT     = "5432"
    DATABASE_USER     = var.db_username
    DATABASE_USERNAME = var.db_username
    DATABASE_NAME     = var.db_name
    DATABASE_SSLMODE  = "require"
  } : {}

  reader_env = local.has_reader ? {
    DATABASE_HOST_READ_REPLICA = one(aws_rds_cluster.this[*].reader_endpoint)
    DATABASE_PORT_READ_REPLICA = "5432"
  } : {}

  redis_env = var.create_redis ? {
    REDIS_HOST = one(aws_elasticache_replication_group.this[*].primary_endpoint_address)
    REDIS_PORT = "6379"
    REDIS_SSL  = "true"
  } : {}

  # The start command downloads the files.
  config_env = {
    CONFIG_FILE_PATH               = "/tmp/litellm/${local.config_name}"
    LITELLM_PROXY_CONFIG_S3_BUCKET = aws_s3_bucket.this["config"].id
    LITELLM_PROXY_CONFIG_S3_KEY    = local.config_key
    PROXY_CONFIG_HASH              = local.config_hash
  }

  # The configuration refers to these variables.
  request_log_env = var.store_request_logs ? {
    S3_BUCKET_NAME = aws_s3_bucket.this["data"].id
    S3_REGION_NAME = var.region
  } : {}

  # The URL of the stack for browsers and e-mails. The certificate of another host name
  # than that of the load balancer is unknown without alb_domain_name.
  public_url_env = var.alb_domain_name != "" || !local.tls ? {
    PROXY_BASE_URL = local.public_url
  } : {}

  # The load balancer has its addresses in these ranges: those of the public subnets of
  # all zones, so that another zone does not restart the containers. In an existing
  # network the ranges of its subnets are unknown. There only the load balancer can reach
  # the port, and its address is private.
  balancer_ranges = (
    local.create_network
    ? [for i in range(length(local.zone_letters)) : cidrsubnet(var.vpc_cidr, 8, i)]
    : ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"]
  )

  server_env = merge(
    {
      # LiteLLM reads no .env file.
      LITELLM_MODE = "PRODUCTION"
      # Only the migrations change the schema.
      DISABLE_SCHEMA_UPDATE = "true"
      # uvicorn reads the protocol and the address of a client from the headers of
      # these peers only. With "*" a client could choose its address by a header.
      FORWARDED_ALLOW_IPS = join(",", local.balancer_ranges)
      # A NAT gateway drops a connection after 350 seconds without traffic.
      AIOHTTP_SO_KEEPALIVE = "true"
      # A new version of a secret restarts the services.
      SECRET_VERSIONS = local.secret_versions_text
    },
    # Without this variable a component does not load the models, credentials and
    # settings that the dashboard stores.
    local.has_database ? { STORE_MODEL_IN_DB = "true" } : {},
    local.region_env,
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
      local.region_env,
      local.database_env,
      local.network_env,
    )
    bootstrap = merge(local.network_env, {
      PGHOST            = one(aws_rds_cluster.this[*].endpoint)
      PGPORT            = "5432"
      PGUSER            = var.db_master_username
      PGDATABASE        = var.db_name
      PGSSLMODE         = "require"
      PGCONNECT_TIMEOUT = "30"
      BOOTSTRAP_SQL     = local.bootstrap_sql
    })
  }

  # The secrets of the stack, and the secret in which RDS stores the master password.
  stack_secrets = merge(
    {
      for key in keys(local.secrets) : key => {
        own = true
        arn = aws_secretsmanager_secret.this[key].arn
      }
    },
    { salt_key = { own = true, arn = aws_secretsmanager_secret.salt_key.arn } },
    var.create_database ? {
      db_master_password = {
        own = true
        arn = "${one(aws_rds_cluster.this[*].master_user_secret[0].secret_arn)}:password::"
      }
    } : {},
  )

  stack_secret_keys = keys(local.stack_secrets)

  # Environment variable to key of stack_secrets. A key without a secret has no effect.
  database_secrets = {
    DATABASE_URL = "database_url"
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
    bootstrap  = { PGPASSWORD = "db_master_password" }
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
      var.otel_endpoint != "" && var.otel_headers_secret_arn != ""
      ? { OTEL_HEADERS = var.otel_headers_secret_arn } : {}
    )
  }

  # Variable names and ARNs are not secret, even in a sensitive map. for_each does not
  # accept the mark.
  extra_env = {
    for component, env in { gateway = var.gateway_extra_env, backend = var.backend_extra_env } :
    component => { for name in nonsensitive(keys(env)) : name => env[name] }
  }
  extra_secrets = {
    for component, arns in {
      gateway = var.gateway_extra_secrets, backend = var.backend_extra_secrets
    } : component => { for name in nonsensitive(keys(arns)) : name => nonsensitive(arns[name]) }
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
        for name, arn in lookup(local.otel_secrets, component, {}) :
        name => { own = false, arn = arn }
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
        for name, arn in lookup(local.extra_secrets, component, {}) :
        name => { own = false, arn = arn }
      },
    )
  }

  environment = {
    for component, variables in local.plain_env : component => {
      for name, value in variables :
      name => value if !contains(keys(local.secret_env[component]), name)
    }
  }

  # ECS accepts the whole reference, IAM the ARN without :json-key:stage:version.
  secret_environment = {
    for component, secrets in local.secret_env : component => {
      for name, secret in secrets : name => {
        ref = secret.arn
        own = secret.own
        arn = regex("^(?:[^:]*:){0,6}[^:]*", secret.arn)
      }
    }
  }
}

# ---- Commands ----

locals {
  # The script downloads the configuration first: it may exceed the size of a task
  # definition (64 KiB). Then it runs the launcher of the image, which starts PgBouncer
  # and ddtrace if the environment requests them. The shell receives one line.
  start_scripts = {
    for component in ["gateway", "backend"] :
    component => templatefile("${path.module}/templates/start.sh.tftpl", {
      component    = component
      port         = local.components[component].port
      workers      = var.gateway_num_workers
      config_files = concat([local.config_name], sort(nonsensitive(keys(var.proxy_config_files))))

      # The server must keep an idle connection longer than the load balancer.
      # Otherwise the load balancer uses a closed connection and returns 502.
      keep_alive = var.request_timeout_seconds + 10
    })
  }
  start_commands = {
    for component, script in local.start_scripts :
    component => ["sh", "-c", replace(trimspace(script), "\n", " ")]
  }

  # If null, the container runs the command of the image. The images have
  # entrypoints, which would receive a command as arguments. So the first word of a
  # command becomes the entrypoint.
  commands = {
    gateway    = local.start_commands.gateway
    backend    = local.start_commands.backend
    ui         = null
    migrations = ["python", "litellm/proxy/prisma_migration.py"]
    bootstrap = [
      "sh", "-c", "exec psql --no-psqlrc --set ON_ERROR_STOP=1 --command \"$BOOTSTRAP_SQL\"",
    ]
  }
  entrypoints = {
    for component, command in local.commands : component => command == null ? {} : {
      entryPoint = slice(command, 0, 1)
      command    = slice(command, 1, length(command))
    }
  }

  # The validations restrict both names to a-z, 0-9 and _, so that the script needs no
  # escapes. The script is idempotent.
  bootstrap_sql = templatefile("${path.module}/templates/bootstrap.sql.tftpl", {
    username = var.db_username
    database = var.db_name
  })
}

# ---- Containers ----

locals {
  # The task definitions and the output containers use the same values.
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

  container_definitions = {
    for component, container in local.containers : component => jsonencode([merge(
      {
        name        = component
        image       = container.image
        essential   = true
        stopTimeout = 120 # The maximum of Fargate, for the streams of the last minutes.
        environment = [for name, value in container.environment : { name = name, value = value }]
        secrets     = [for name, arn in container.secrets : { name = name, valueFrom = arn }]
        portMappings = [
          for port in container.port[*] : { containerPort = port, hostPort = port, protocol = "tcp" }
        ]
        logConfiguration = {
          logDriver = "awslogs"
          options = {
            awslogs-group         = aws_cloudwatch_log_group.this[component].name
            awslogs-region        = var.region
            awslogs-stream-prefix = component
          }
        }
      },
      local.entrypoints[component],
    )])
  }
}
