# Environment and command of every container. A container's environment is one
# map: defaults, then OpenTelemetry, then *_extra_env, then *_extra_secrets. A
# later layer replaces a name, so that none is there twice, nor both plain and
# secret, which ECS refuses. It is split in two only at the end.

# ---- Defaults ----

locals {
  _region_env = {
    AWS_REGION      = var.region
    AWS_REGION_NAME = var.region
  }

  # The images put DATABASE_URL together from these, with a fresh IAM token.
  _database_env = var.create_database ? {
    IAM_TOKEN_DB_AUTH = "true"
    DATABASE_HOST     = one(aws_rds_cluster.this[*].endpoint)
    DATABASE_PORT     = "5432"
    DATABASE_USER     = var.db_username
    DATABASE_NAME     = var.db_name
  } : {}

  _reader_env = local.has_reader ? {
    DATABASE_HOST_READ_REPLICA = one(aws_rds_cluster.this[*].reader_endpoint)
    DATABASE_PORT_READ_REPLICA = "5432"
  } : {}

  _redis_env = var.create_redis ? {
    REDIS_HOST = one(aws_elasticache_replication_group.this[*].primary_endpoint_address)
    REDIS_PORT = "6379"
    REDIS_SSL  = "true"
  } : {}

  # The start command fetches the file. The hash rolls the services in the apply
  # that changes it: the file is read at start only.
  _config_env = local.has_config ? {
    CONFIG_FILE_PATH               = "/tmp/litellm-config.yaml"
    LITELLM_PROXY_CONFIG_S3_BUCKET = aws_s3_bucket.this["config"].id
    LITELLM_PROXY_CONFIG_S3_KEY    = local.config_key
    PROXY_CONFIG_HASH              = sha256(local.config_yaml)
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
      S3_BUCKET_NAME  = aws_s3_bucket.this["data"].id
      S3_REGION_NAME  = var.region
    },
    local._region_env,
    local._database_env,
    local._reader_env,
    local._redis_env,
    local._config_env,
  )

  _default_env = {
    gateway    = local._server_env
    backend    = merge(local._server_env, local.has_database ? { STORE_MODEL_IN_DB = "true" } : {})
    ui         = {}
    migrations = merge(local._region_env, local._database_env)
    bootstrap = {
      PGHOST            = one(aws_rds_cluster.this[*].endpoint)
      PGPORT            = "5432"
      PGUSER            = var.db_master_username
      PGDATABASE        = var.db_name
      PGSSLMODE         = "require"
      PGCONNECT_TIMEOUT = "30"
      BOOTSTRAP_SQL     = local.bootstrap_sql
    }
  }

  # The stack's own secrets, and the one in which RDS keeps the master password.
  _own_secrets = merge(
    {
      for key in keys(local.secrets) : key => {
        own = true
        arn = aws_secretsmanager_secret.this[key].arn
      }
    },
    {
      for key in ["db_master_password"] : key => {
        own = true
        arn = "${aws_rds_cluster.this[0].master_user_secret[0].secret_arn}:password::"
      } if var.create_database
    },
  )

  # Name to the key above. Those that are not there drop out below.
  _database_secrets = {
    DATABASE_URL = "database_url"
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
    bootstrap  = { PGPASSWORD = "db_master_password" }
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
      var.otel_endpoint != "" && var.otel_headers_secret_arn != ""
      ? { OTEL_HEADERS = var.otel_headers_secret_arn } : {}
    )
  }

  # Names of variables and ARNs of secrets are no secrets, even in a map that is
  # marked as one; for_each would refuse them.
  _extra_env = {
    for component, env in { gateway = var.gateway_extra_env, backend = var.backend_extra_env } :
    component => { for name in nonsensitive(keys(env)) : name => env[name] }
  }
  _extra_secrets = {
    for component, arns in {
      gateway = var.gateway_extra_secrets, backend = var.backend_extra_secrets
    } : component => { for name in nonsensitive(keys(arns)) : name => nonsensitive(arns[name]) }
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

  _default_secret_arns = {
    for component in local.identities : component => merge(
      {
        for name, key in local._default_secrets[component] :
        name => local._own_secrets[key] if contains(keys(local._own_secrets), key)
      },
      { for name, arn in lookup(local._otel_secrets, component, {}) : name => { own = false, arn = arn } },
    )
  }

  _secrets = {
    for component in local.identities : component => merge(
      {
        for name, secret in local._default_secret_arns[component] :
        name => secret if !contains(keys(lookup(local._extra_env, component, {})), name)
      },
      { for name, arn in lookup(local._extra_secrets, component, {}) : name => { own = false, arn = arn } },
    )
  }

  environment = {
    for component, variables in local._plain : component => {
      for name, value in variables : name => value if !contains(keys(local._secrets[component]), name)
    }
  }

  # ECS takes the whole reference, IAM the ARN without :json-key:stage:version.
  secret_environment = {
    for component, secrets in local._secrets : component => {
      for name, secret in secrets : name => {
        ref = secret.arn
        own = secret.own
        arn = join(":", slice(split(":", secret.arn), 0, min(7, length(split(":", secret.arn)))))
      }
    }
  }
}

# ---- Commands ----

locals {
  # The configuration is fetched first: an environment variable or a task
  # definition (64 KiB) may be too small for it.
  _before_start = local.has_config ? [join(" ", [
    "python -c \"import boto3; from os import environ as env;",
    "boto3.client('s3', region_name=env['AWS_REGION']).download_file(",
    "env['LITELLM_PROXY_CONFIG_S3_BUCKET'], env['LITELLM_PROXY_CONFIG_S3_KEY'], env['CONFIG_FILE_PATH'])\"",
  ])] : []

  # A server must keep an idle connection longer than the load balancer, which
  # would otherwise send a request into one that just closed and answer 502.
  _keep_alive = "--timeout-keep-alive ${var.request_timeout_seconds + 10}"

  # null is the image's own. The images have entrypoints of their own, which would
  # take a command for their arguments; so a command's first word is set as the
  # entrypoint.
  commands = {
    gateway = ["sh", "-c", join(" && ", concat(local._before_start, [join(" ", [
      "exec uvicorn gateway.main:app --host 0.0.0.0 --port ${local.components.gateway.port}",
      "--workers ${var.gateway_num_workers} ${local._keep_alive}",
    ])]))]
    backend = ["sh", "-c", join(" && ", concat(local._before_start, [join(" ", [
      "exec uvicorn backend.main:app --host 0.0.0.0 --port ${local.components.backend.port}",
      local._keep_alive,
    ])]))]
    ui = null
    migrations = (
      var.migrations_image == "" ? ["python", "litellm/proxy/prisma_migration.py"] : null
    )
    bootstrap = [
      "sh", "-c", "exec psql --no-psqlrc --set ON_ERROR_STOP=1 --command \"$BOOTSTRAP_SQL\"",
    ]
  }
}

# ---- Containers ----

locals {
  # What runs, and nothing else: the task definitions and the output are made of
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

  container_definitions = {
    for component, container in local.containers : component => jsonencode([merge(
      {
        name        = component
        image       = container.image
        essential   = true
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
      container.command == null ? {} : {
        entryPoint = slice(container.command, 0, 1)
        command    = slice(container.command, 1, length(container.command))
      },
    )])
  }
}
