# The public load balancer. It routes UI paths to the UI, gateway paths to the
# gateway and all other paths to the backend.

locals {
  waf = coalesce(var.enable_waf, var.waf_web_acl_arn != "")

  public_subnet_ids = (
    local.create_network
    ? [for az in local.zones : aws_subnet.public[az].id]
    : var.public_subnet_ids
  )
}

# ---- Rules ----

locals {
  # An ALB applies the first rule that matches, by priority; a URL map of Google
  # Cloud applies the longest path. To get the same result, the page files that a
  # gateway prefix could cover come before the gateway rules. They share the first
  # segment of a gateway path. The other UI rules come last: AWS bills each evaluated
  # rule, and most requests are for the gateway. There one wildcard covers all page
  # files, including those of a later dashboard.
  page_paths_by_segment = { for path in local.ui_page_paths : split("/", path)[1] => path... }
  gateway_segments      = toset([for path in local.gateway_paths : split("/", path)[1]])
  page_segments         = keys(local.page_paths_by_segment)
  overlapping_ui_paths = flatten([
    for segment in setintersection(local.page_segments, local.gateway_segments) :
    local.page_paths_by_segment[segment]
  ])

  # A path in extra_gateway_paths may equal a backend path, and then replaces it.
  backend_paths = [
    for path in local.routes.backend.exact : path if !contains(local.gateway_paths, path)
  ]

  # Each group has a fixed range of priorities, so that a longer list does not move
  # the rules of another group. Two rules can not share a priority during an apply.
  rule_groups = [
    { name = "ui-below", target = "ui", first = 1000, paths = local.overlapping_ui_paths },
    { name = "gateway", target = "gateway", first = 2000, paths = local.gateway_paths },
    { name = "backend", target = "backend", first = 3000, paths = local.backend_paths },
    { name = "ui", target = "ui", first = 4000, paths = local.ui_base_paths },
  ]

  # Browsers only fetch files. Other methods go to the backend.
  text_file_rule = { target = "ui", priority = 5000, paths = ["/*.txt"], methods = ["GET", "HEAD"] }

  routing_rules = merge({ ui-files = local.text_file_rule }, [
    for group in local.rule_groups : {
      for i, paths in chunklist(group.paths, local.paths_per_rule) :
      format("%s-%02d", group.name, i) => {
        target = group.target, priority = group.first + i, paths = paths, methods = []
      }
    }
  ]...)

  # Terraform evaluates for_each once for each instance. Plans are faster with a map
  # without the paths.
  rule_targets = { for key, rule in local.routing_rules : key => rule.target }

  # ALB quotas: 5 condition values and 5 wildcards a rule, 100 rules.
  paths_per_rule = 5
  max_rules      = 99
}

# ---- Load balancer ----

resource "aws_lb" "this" {
  name               = local.names.alb
  load_balancer_type = "application"
  internal           = false
  subnets            = local.public_subnet_ids
  security_groups    = [aws_security_group.this["alb"].id]
  idle_timeout       = var.request_timeout_seconds
  tags               = local.tags

  drop_invalid_header_fields = var.drop_invalid_headers
  enable_deletion_protection = var.alb_deletion_protection

  dynamic "access_logs" {
    for_each = var.enable_access_logs ? ["on"] : []

    content {
      enabled = true
      bucket  = aws_s3_bucket.this["logs"].id
      prefix  = local.log_prefixes.alb
    }
  }

  # AWS rejects a public load balancer in a VPC without an internet gateway, and a
  # log bucket that the load balancer can not write to.
  depends_on = [
    aws_internet_gateway.this,
    aws_route.public,
    aws_route_table_association.public,
    aws_s3_bucket_policy.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
  ]

  lifecycle {
    precondition {
      condition     = length(local.routing_rules) <= local.max_rules
      error_message = "extra_gateway_paths must leave the load balancer at most ${local.max_rules} rules of ${local.paths_per_rule} paths; got ${length(local.routing_rules)} with all paths. Replace several entries of extra_gateway_paths with one prefix."
    }
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  count = local.waf ? 1 : 0

  resource_arn = aws_lb.this.arn
  web_acl_arn  = var.waf_web_acl_arn

  lifecycle {
    precondition {
      condition     = !local.waf || var.waf_web_acl_arn != ""
      error_message = "waf_web_acl_arn must not be empty with enable_waf = true; got \"\". Set waf_web_acl_arn to the ARN of a web ACL, or leave enable_waf unset."
    }
  }
}

resource "aws_lb_target_group" "this" {
  for_each = local.components

  name                 = local.names["target_group_${each.key}"]
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = each.value.port
  vpc_id               = local.vpc_id
  deregistration_delay = each.value.draining
  tags                 = local.tags

  health_check {
    path                = each.value.health.path
    matcher             = "200-299"
    interval            = 30
    timeout             = each.value.health.timeout
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  lifecycle {
    create_before_destroy = true
  }
}

# ---- Port 80 ----

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"
  tags              = local.tags

  default_action {
    type             = local.tls ? "redirect" : "forward"
    target_group_arn = local.tls ? null : aws_lb_target_group.this["backend"].arn

    dynamic "redirect" {
      for_each = local.tls ? [1] : []

      content {
        protocol    = "HTTPS"
        port        = "443"
        status_code = "HTTP_301"
      }
    }
  }

  lifecycle {
    precondition {
      condition     = local.tls || var.allow_plaintext_alb
      error_message = "The load balancer must serve TLS, because keys and prompts would cross the internet unencrypted; got acm_certificate_arn = \"${var.acm_certificate_arn}\", enable_tls = ${jsonencode(var.enable_tls)} and allow_plaintext_alb = false. Set acm_certificate_arn to the ARN of a certificate, or set allow_plaintext_alb = true to serve plain HTTP."
    }

    precondition {
      condition     = !local.tls || var.acm_certificate_arn != ""
      error_message = "acm_certificate_arn must not be empty with enable_tls = true; got \"\". Set acm_certificate_arn to the ARN of a certificate, or leave enable_tls unset."
    }
  }
}

# ---- Port 443 ----

resource "aws_lb_listener" "https" {
  count = local.tls ? 1 : 0

  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.acm_certificate_arn
  tags              = local.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this["backend"].arn
  }
}

# ---- Listener rules ----

resource "aws_lb_listener_rule" "this" {
  for_each = local.rule_targets

  listener_arn = local.tls ? aws_lb_listener.https[0].arn : aws_lb_listener.http.arn
  priority     = local.routing_rules[each.key].priority
  tags         = local.tags

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.value].arn
  }

  condition {
    path_pattern {
      # A pattern can not contain "!" (ELBv2 API, path conditions). "?" matches any
      # single character.
      values = [for path in local.routing_rules[each.key].paths : replace(path, "!", "?")]
    }
  }

  dynamic "condition" {
    for_each = length(local.routing_rules[each.key].methods) > 0 ? [local.routing_rules[each.key].methods] : []

    content {
      http_request_method {
        values = condition.value
      }
    }
  }
}
