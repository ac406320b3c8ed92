# The three Cloud Run services. Only the load balancer and the networks of the project
# can reach them. LiteLLM authenticates the requests, so Cloud Run does not. A policy for
# allUsers would do the same, but many organizations restrict the domains of members.

resource "google_cloud_run_v2_service" "this" {
  for_each = local.components

  project             = var.project
  location            = var.region
  name                = local.names["service_${each.key}"]
  ingress             = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  deletion_protection = false
  labels              = local.labels

  invoker_iam_disabled = true

  # Without scaling_mode a MANUAL service would remain MANUAL.
  scaling {
    scaling_mode          = each.value.autoscaling_enabled ? "AUTOMATIC" : "MANUAL"
    manual_instance_count = each.value.autoscaling_enabled ? null : each.value.desired_count
  }

  template {
    service_account                  = google_service_account.this[each.key].email
    encryption_key                   = local.kms_key_name
    timeout                          = "${each.value.timeout}s"
    max_instance_request_concurrency = each.value.concurrency

    # Only the second generation can mount a bucket.
    execution_environment = each.value.private ? "EXECUTION_ENVIRONMENT_GEN2" : null

    dynamic "scaling" {
      for_each = each.value.autoscaling_enabled ? ["on"] : []

      content {
        min_instance_count = each.value.min_instances
        max_instance_count = each.value.max_instances
      }
    }

    containers {
      image   = local.images[each.key]
      command = local.commands[each.key]

      ports {
        container_port = each.value.port
      }

      resources {
        limits = {
          cpu    = each.value.cpu
          memory = each.value.memory
        }

        # The proxy also works between requests (spend, logs, budgets).
        cpu_idle          = !each.value.private
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local.environment[each.key]

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = local.secret_environment[each.key]

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

      dynamic "volume_mounts" {
        for_each = each.value.private ? ["proxy-config"] : []

        content {
          name       = volume_mounts.value
          mount_path = "/etc/litellm"
        }
      }

      startup_probe {
        initial_delay_seconds = each.value.startup.delay
        period_seconds        = 10
        timeout_seconds       = each.value.startup.timeout
        failure_threshold     = each.value.startup.failures

        http_get {
          path = each.value.startup.path
          port = each.value.port
        }
      }

      dynamic "liveness_probe" {
        for_each = each.value.liveness == null ? [] : [each.value.liveness]

        content {
          period_seconds  = liveness_probe.value.period
          timeout_seconds = liveness_probe.value.timeout

          http_get {
            path = liveness_probe.value.path
            port = each.value.port
          }
        }
      }
    }

    dynamic "volumes" {
      for_each = each.value.private ? ["proxy-config"] : []

      content {
        name = volumes.value
        gcs {
          bucket    = google_storage_bucket.this["config"].name
          read_only = true
        }
      }
    }

    dynamic "vpc_access" {
      for_each = each.value.private ? ["on"] : []

      content {
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

  # The first revision needs these resources, but references none of them: secret
  # versions, objects and permissions.
  depends_on = [
    google_artifact_registry_repository.image_proxy,
    google_cloud_run_v2_job.migrations,
    google_secret_manager_secret_iam_member.this,
    google_secret_manager_secret_version.salt_key,
    google_secret_manager_secret_version.this,
    google_sql_database.this,
    google_sql_user.app,
    google_storage_bucket_iam_member.config,
    google_storage_bucket_iam_member.data,
    google_storage_bucket_object.proxy_config,
    google_storage_bucket_object.proxy_config_files,
    terraform_data.images,
    terraform_data.migrations,
  ]
}
