# The public load balancer. It routes UI paths to the UI, gateway paths to the
# gateway and all other paths to the backend.

locals {
  certificate_domains = join(",", var.lb_domains)
  certificate_suffix  = substr(sha256(local.certificate_domains), 0, 8)
}

# ---- Rules ----

locals {
  # A route rule has a match for each path and method. In a path template "**" matches
  # any characters, with "/" (Cloud Load Balancing, URL maps overview).
  route_rules = [
    for rule in local.routing_rules : {
      target   = rule.target
      priority = rule.priority
      matches = [
        for pair in setproduct(rule.paths, coalescelist(rule.methods, [""])) : {
          full     = strcontains(pair[0], "*") ? null : pair[0]
          prefix   = endswith(pair[0], "/*") ? trimsuffix(pair[0], "*") : null
          template = can(regex("[*].", pair[0])) ? replace(pair[0], "*", "**") : null
          methods  = compact([pair[1]])
        }
      ]
    }
  ]

  # Five matches in a rule are known to work. A path matcher accepts 200 route rules
  # (Cloud Load Balancing, quotas of URL maps).
  paths_per_rule = 5
  max_rules      = 200
}

# ---- Load balancer ----

resource "google_compute_global_address" "lb" {
  project = var.project
  name    = local.names.lb_address
  labels  = local.labels

  # Its existence tells the check that the stack exists.
  depends_on = [terraform_data.preflight]
}

resource "google_compute_region_network_endpoint_group" "this" {
  for_each = local.components

  project               = var.project
  region                = var.region
  name                  = local.names["endpoint_group_${each.key}"]
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = google_cloud_run_v2_service.this[each.key].name
  }
}

# The request timeout of the Cloud Run service applies, so there is no timeout here.
resource "google_compute_backend_service" "this" {
  for_each = local.components

  project               = var.project
  name                  = local.names["backend_service_${each.key}"]
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTP"
  security_policy       = var.security_policy == "" ? null : var.security_policy

  backend {
    group = google_compute_region_network_endpoint_group.this[each.key].id
  }

  log_config {
    enable      = var.enable_access_logs
    sample_rate = var.enable_access_logs ? 1 : null
  }
}

resource "google_compute_url_map" "routes" {
  project         = var.project
  name            = local.names.url_map
  default_service = google_compute_backend_service.this["backend"].id

  host_rule {
    hosts        = ["*"]
    path_matcher = "main"
  }

  path_matcher {
    name            = "main"
    default_service = google_compute_backend_service.this["backend"].id

    dynamic "route_rules" {
      for_each = local.route_rules

      content {
        priority = route_rules.value.priority
        service  = google_compute_backend_service.this[route_rules.value.target].id

        dynamic "match_rules" {
          for_each = route_rules.value.matches

          content {
            full_path_match     = match_rules.value.full
            prefix_match        = match_rules.value.prefix
            path_template_match = match_rules.value.template

            dynamic "header_matches" {
              for_each = match_rules.value.methods

              content {
                header_name = ":method"
                exact_match = header_matches.value
              }
            }
          }
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.routing_rules) <= local.max_rules
      error_message = "extra_gateway_paths must leave the load balancer at most ${local.max_rules} rules of ${local.paths_per_rule} paths; got ${length(local.routing_rules)} with all paths. Replace several entries of extra_gateway_paths with one prefix."
    }
  }
}

# ---- Port 80 ----

resource "google_compute_url_map" "redirect" {
  count = local.tls ? 1 : 0

  project = var.project
  name    = local.names.redirect

  default_url_redirect {
    https_redirect         = true
    redirect_response_code = "MOVED_PERMANENTLY_DEFAULT"
    strip_query            = false
  }
}

resource "google_compute_target_http_proxy" "this" {
  project = var.project
  name    = local.names.http
  url_map = (
    local.tls
    ? one(google_compute_url_map.redirect[*].id)
    : google_compute_url_map.routes.id
  )

  lifecycle {
    precondition {
      condition     = local.tls || var.allow_plaintext_lb
      error_message = "The load balancer must serve TLS, because keys and prompts would cross the internet unencrypted; got lb_domains = ${jsonencode(var.lb_domains)} and allow_plaintext_lb = false. Set lb_domains to the host names, or set allow_plaintext_lb = true to serve plain HTTP."
    }
  }
}

resource "google_compute_global_forwarding_rule" "http" {
  project               = var.project
  name                  = local.names.http
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.lb.id
  port_range            = "80"
  target                = google_compute_target_http_proxy.this.id
  labels                = local.labels
}

# ---- Port 443 ----

# The domains of a managed certificate can not change, and a certificate in use can
# not be deleted. So a change creates a certificate with another name first.
resource "google_compute_managed_ssl_certificate" "this" {
  count = local.tls ? 1 : 0

  project = var.project
  name    = "${local.names.certificate}-${local.certificate_suffix}"

  managed {
    domains = var.lb_domains
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_ssl_policy" "this" {
  count = local.tls ? 1 : 0

  project         = var.project
  name            = local.names.https
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_target_https_proxy" "this" {
  count = local.tls ? 1 : 0

  project          = var.project
  name             = local.names.https
  url_map          = google_compute_url_map.routes.id
  ssl_certificates = [google_compute_managed_ssl_certificate.this[0].id]
  ssl_policy       = google_compute_ssl_policy.this[0].id
}

resource "google_compute_global_forwarding_rule" "https" {
  count = local.tls ? 1 : 0

  project               = var.project
  name                  = local.names.https
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.lb.id
  port_range            = "443"
  target                = google_compute_target_https_proxy.this[0].id
  labels                = local.labels
}
