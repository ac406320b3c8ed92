# The job that changes the database: migrations changes the schema. apply runs it
# before it creates or changes the services.

locals {
  # The APIs that the stack calls.
  required_apis = join(" ", [
    for api, needed in {
      artifactregistry     = var.create_image_proxy
      cloudresourcemanager = true
      compute              = true
      iam                  = true
      redis                = var.create_redis
      run                  = true
      secretmanager        = true
      servicenetworking    = local.create_psa
      sqladmin             = var.create_database
      storage              = true
      vpcaccess            = local.has_connector
    } : "${api}.googleapis.com" if needed
  ])

  # The quotas of Compute Engine that are small in a new project.
  required_quotas = join(" ", [
    for metric, needed in {
      BACKEND_SERVICES = length(local.components)
      NETWORKS         = local.create_network ? 1 : 0
      STATIC_ADDRESSES = 1
    } : "${metric}=${needed}" if needed > 0
  ])

  # The output prints this command, and apply runs it.
  run_commands = {
    for job in keys(local.jobs) : job => join(" ", [
      "gcloud run jobs execute ${local.names["job_${job}"]}",
      "--project ${var.project}",
      "--region ${var.region}",
      "--wait",
    ])
  }
}

# Fails in seconds where the apply would fail after minutes. What takes time or money
# waits for it.
resource "terraform_data" "preflight" {
  count = local.has_database && var.run_migrations ? 1 : 0

  provisioner "local-exec" {
    interpreter = ["bash"]
    command     = "${path.module}/scripts/preflight.sh"
    environment = {
      PROJECT = var.project
      APIS    = local.required_apis
      ADDRESS = local.names.lb_address
      QUOTAS  = local.required_quotas
    }
  }
}

resource "google_cloud_run_v2_job" "migrations" {
  count = local.has_database ? 1 : 0

  project             = var.project
  location            = var.region
  name                = local.names.job_migrations
  deletion_protection = false
  labels              = local.labels

  template {
    template {
      service_account = google_service_account.this["migrations"].email
      encryption_key  = local.kms_key_name
      timeout         = "1800s"
      max_retries     = 3

      containers {
        image   = local.images.migrations
        command = local.commands.migrations

        resources {
          limits = local.jobs.migrations
        }

        dynamic "env" {
          for_each = local.environment.migrations

          content {
            name  = env.key
            value = env.value
          }
        }

        dynamic "env" {
          for_each = local.secret_environment.migrations

          content {
            name = env.key
            value_source {
              secret_key_ref {
                secret  = env.value.ref
                version = env.value.version
              }
            }
          }
        }
      }

      vpc_access {
        connector = local.connector_id
        egress    = "PRIVATE_RANGES_ONLY"

        dynamic "network_interfaces" {
          for_each = local.egress_subnets

          content {
            subnetwork = network_interfaces.value
          }
        }
      }
    }
  }

  depends_on = [
    google_artifact_registry_repository.image_proxy,
    google_secret_manager_secret_iam_member.this,
    google_secret_manager_secret_version.this,
    google_sql_database.this,
    google_sql_user.app,
    terraform_data.images,
  ]
}

resource "terraform_data" "migrations" {
  count = local.has_database && var.run_migrations ? 1 : 0

  # Terraform does not detect an image that changes under the same tag: run the
  # printed command, or replace this resource. The URL of an external database is
  # write-only, so secrets_version represents it.
  triggers_replace = {
    job      = google_cloud_run_v2_job.migrations[0].id
    image    = local.images.migrations
    command  = local.commands.migrations
    database = one(google_sql_database_instance.writer[*].name)
    name     = local.database_name
    url      = local.own_database ? var.secrets_version : null
  }

  provisioner "local-exec" {
    interpreter = ["bash"]
    command     = "${path.module}/scripts/run-job.sh"
    environment = {
      RUN_COMMAND = local.run_commands.migrations
      JOB         = google_cloud_run_v2_job.migrations[0].name
      PROJECT     = var.project
      REGION      = var.region
    }
  }
}
