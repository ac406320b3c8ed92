# The environment of a container is one map, in layers, of which a later one
# replaces a key: defaults, OpenTelemetry, *_extra_env, *_extra_secrets. So a
# name is never there twice, nor both plain and secret, which ECS refuses.
#
# An entry says where its value comes from in a field of its own (plain, secret:
# one of the stack's, given: one the caller names by ARN), for a value known
# only after apply can be tested neither for null nor for its form.

locals {
  # The image makes the connection URL of these, with a fresh IAM token.
  _database_env = merge(
    { for name, value in local._database_parts : name => value if var.create_database },
    {
      for name, value in {
        DATABASE_HOST_READ_REPLICA = one(aws_rds_cluster.this[*].reader_endpoint)
        DATABASE_PORT_READ_REPLICA = "5432"
      } : name => value if var.create_database && var.create_read_replica
    },
  )
  _database_parts = {
    IAM_TOKEN_DB_AUTH = "true"
    DATABASE_HOST     = one(aws_rds_cluster.this[*].endpoint)
    DATABASE_PORT     = "5432"
    DATABASE_USER     = var.db_username
    DATABASE_NAME     = var.db_name
  }
  _region_env = {
    AWS_REGION      = var.region
    AWS_REGION_NAME = var.region
  }

  _default_env = merge(
    local._region_env,
    local._database_env,
    {
      # Uvicorn then believes the load balancer's X-Forwarded-Proto; nothing
      # else can reach the port.
      FORWARDED_ALLOW_IPS = "*"
      # The migrations task changes the schema, never a service.
      DISABLE_SCHEMA_UPDATE = "true"
      # Rolls the services when a credential changed.
      SECRETS_VERSION = tostring(var.secrets_version)
      S3_BUCKET_NAME  = aws_s3_bucket.this["data"].id
      S3_REGION_NAME  = var.region
    },
    {
      for name, value in {
        REDIS_HOST = one(aws_elasticache_replication_group.this[*].primary_endpoint_address)
        REDIS_PORT = "6379"
        REDIS_SSL  = "true"
      } : name => value if var.create_redis
    },
    {
      for name, value in {
        CONFIG_FILE_PATH               = "/tmp/litellm-config.yaml"
        LITELLM_PROXY_CONFIG_S3_BUCKET = one([for key, bucket in aws_s3_bucket.this : bucket.id if key == "config"])
        LITELLM_PROXY_CONFIG_S3_KEY    = local.config_key
        # Rolls the services in the apply that changes the file.
        PROXY_CONFIG_HASH = sha256(local.config_yaml)
      } : name => value if local.has_config
    },
  )
  _default_secrets = {
    for name, secret in {
      LITELLM_MASTER_KEY = "master-key"
      LITELLM_LICENSE    = "license"
      DATABASE_URL       = "database-url"
      REDIS_URL          = "redis-url"
    } :
    name => aws_secretsmanager_secret.this[secret].arn if contains(keys(local.secrets), secret)
  }

  _otel_env = {
    for component in ["gateway", "backend"] : component => {
      for name, value in {
        LITELLM_OTEL_V2                                    = "true"
        OTEL_EXPORTER                                      = var.otel_exporter
        OTEL_ENDPOINT                                      = var.otel_endpoint
        OTEL_ENVIRONMENT_NAME                              = var.otel_environment_name != "" ? var.otel_environment_name : var.env
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT = var.otel_capture_message_content
        OTEL_SERVICE_NAME                                  = "${local.name}-${component}"
      } : name => value if var.otel_endpoint != ""
    }
  }
  _otel_secrets = {
    for name, arn in { OTEL_HEADERS = var.otel_headers_secret_arn } :
    name => arn if var.otel_endpoint != "" && arn != ""
  }

  _layers = {
    gateway = [
      { plain = local._default_env, secret = local._default_secrets },
      { plain = local._otel_env.gateway, given = local._otel_secrets },
      { plain = var.gateway_extra_env },
      { given = var.gateway_extra_secrets },
    ]
    backend = [
      { plain = local._default_env, secret = local._default_secrets },
      {
        plain = { for name in ["STORE_MODEL_IN_DB"] : name => "true" if local.has_database },
        secret = {
          for name in ["UI_PASSWORD"] :
          name => aws_secretsmanager_secret.this["ui-password"].arn if local.ui_password_set
        }
      },
      { plain = local._otel_env.backend, given = local._otel_secrets },
      { plain = var.backend_extra_env },
      { given = var.backend_extra_secrets },
    ]
    ui = []
    migrations = [
      {
        plain = merge(
          local._region_env,
          { for name, value in local._database_parts : name => value if var.create_database },
        ),
        secret = {
          for name in ["DATABASE_URL"] :
          name => aws_secretsmanager_secret.this["database-url"].arn if local.own_database
        }
      },
    ]
    bootstrap = [
      {
        plain = {
          PGHOST            = one(aws_rds_cluster.this[*].endpoint)
          PGPORT            = "5432"
          PGUSER            = var.db_master_username
          PGDATABASE        = var.db_name
          PGSSLMODE         = "require"
          PGCONNECT_TIMEOUT = "30"
          BOOTSTRAP_SQL     = local.bootstrap_sql
        },
        secret = {
          for name in ["PGPASSWORD"] :
          name => "${aws_rds_cluster.this[0].master_user_secret[0].secret_arn}:password::" if var.create_database
        }
      },
    ]
  }

  _environment = {
    for c in local.identities : c => merge([
      for layer in local._layers[c] : merge([
        for source, values in layer : {
          for name, value in values : name => { source = source, value = value }
        }
      ]...)
    ]...)
  }
}

# Commands. The images have entrypoints of their own, which would take a command
# for their arguments; so the first word of each is set as the entrypoint.

locals {
  # With a configuration file, it is fetched first: an environment variable or
  # a task definition (64 KiB) may be too small for it.
  _first = local.has_config ? [join(" ", [
    "python -c \"import boto3; from os import environ as env;",
    "boto3.client('s3', region_name=env['AWS_REGION']).download_file(",
    "env['LITELLM_PROXY_CONFIG_S3_BUCKET'], env['LITELLM_PROXY_CONFIG_S3_KEY'], env['CONFIG_FILE_PATH'])\"",
  ])] : []

  _commands = {
    gateway = ["sh", "-c", join(" && ", concat(local._first, [join(" ", [
      "exec uvicorn gateway.main:app --host 0.0.0.0 --port ${local.components.gateway.port}",
      "--workers ${var.gateway_num_workers}",
    ])]))]
    backend = ["sh", "-c", join(" && ", concat(local._first, [join(" ", [
      "exec uvicorn backend.main:app --host 0.0.0.0 --port ${local.components.backend.port}",
      "--workers 1",
    ])]))]
    ui         = null
    migrations = var.migrations_image != "" ? null : ["python", "litellm/proxy/prisma_migration.py"]
    bootstrap  = ["sh", "-c", "exec psql --no-psqlrc --set ON_ERROR_STOP=1 --command \"$BOOTSTRAP_SQL\""]
  }
}

# What runs: the task definitions and the output are made of this.

locals {
  containers = {
    for c in local.identities : c => {
      image       = merge(local.components, local.jobs)[c].image
      port        = try(local.components[c].port, null)
      command     = local._commands[c]
      environment = { for name, e in local._environment[c] : name => e.value if e.source == "plain" }
      secrets     = { for name, e in local._environment[c] : name => e.value if e.source != "plain" }
    }
  }

  container_definitions = {
    for c, container in local.containers : c => jsonencode([merge(
      {
        name        = c
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
            awslogs-group         = aws_cloudwatch_log_group.this[c].name
            awslogs-region        = var.region
            awslogs-stream-prefix = c
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
