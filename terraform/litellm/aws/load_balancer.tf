# The public load balancer: UI paths to the UI, the gateway's to the gateway, the
# rest to the backend.

# ---- Rules ----

locals {
  # An ALB takes the first rule that fits, by priority, where a URL map takes
  # the longest path. The two agree if the pages' files that a prefix of the
  # gateway's could cover come before it; those share its first word. The rest
  # of the UI's comes last: each rule looked at is work that is billed, and most
  # requests are the gateway's. There one wildcard stands for every page's file,
  # also for those of a page that a later dashboard brings.
  _page_words    = { for path in local.ui_page_paths : split("/", path)[1] => path... }
  _gateway_words = toset([for path in local.gateway_paths : split("/", path)[1]])
  _ui_paths_below = flatten([
    for word in setintersection(keys(local._page_words), local._gateway_words) :
    local._page_words[word]
  ])

  # An extra path of the gateway may be one of the backend's, which then has no use.
  _backend_paths = [
    for path in local._routes.backend.exact : path if !contains(local.gateway_paths, path)
  ]

  # Priorities are fixed by kind, so that a longer list never moves another's:
  # a priority in use can not be taken, even for a moment.
  _rule_groups = [
    { name = "ui-below", target = "ui", first = 1000, paths = local._ui_paths_below },
    { name = "gateway", target = "gateway", first = 2000, paths = local.gateway_paths },
    { name = "backend", target = "backend", first = 3000, paths = local._backend_paths },
    { name = "ui", target = "ui", first = 4000, paths = local.ui_base_paths },
  ]

  # A file is only ever fetched, so nothing else is taken from the backend.
  _files_rule = { target = "ui", priority = 5000, paths = ["/*.txt"], methods = ["GET", "HEAD"] }

  _rules = merge({ ui-files = local._files_rule }, [
    for group in local._rule_groups : {
      for i, paths in chunklist(group.paths, local._paths_per_rule) :
      format("%s-%02d", group.name, i) => {
        target = group.target, priority = group.first + i, paths = paths, methods = []
      }
    }
  ]...)

  # Terraform looks at all that a resource repeats over anew for each instance:
  # a small map spares it the paths.
  _rule_targets = { for key, rule in local._rules : key => rule.target }

  # ALB quotas: 5 condition values and 5 wildcards a rule, 100 rules.
  _paths_per_rule = 5
  _rules_limit    = 99
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
      prefix  = local._log_prefixes.alb
    }
  }

  # AWS refuses a public load balancer in a VPC without a way out, and a bucket
  # for its logs that it may not write to.
  depends_on = [
    aws_internet_gateway.this,
    aws_route.public,
    aws_route_table_association.public,
    aws_s3_bucket_policy.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
  ]

  lifecycle {
    precondition {
      condition     = length(local._rules) <= local._rules_limit
      error_message = "extra_gateway_paths must leave the load balancer at most ${local._rules_limit} rules of ${local._paths_per_rule} paths; got ${length(local._rules)} with all paths. Cover several by one prefix."
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
      error_message = "waf_web_acl_arn must be given with enable_waf = true; got \"\". Give the ARN of a web ACL, or leave enable_waf unset."
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
  deregistration_delay = 30
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
      error_message = "The load balancer must serve TLS, or keys and prompts would cross the internet in plain text; got acm_certificate_arn = \"${var.acm_certificate_arn}\", enable_tls = ${jsonencode(var.enable_tls)} and allow_plaintext_alb = false. Give the ARN of a certificate, or set allow_plaintext_alb = true to serve plain HTTP."
    }

    precondition {
      condition     = !local.tls || var.acm_certificate_arn != ""
      error_message = "acm_certificate_arn must be given with enable_tls = true; got \"\". Give the ARN of a certificate, or leave enable_tls unset."
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

# ---- Whichever port serves ----

resource "aws_lb_listener_rule" "this" {
  for_each = local._rule_targets

  listener_arn = local.tls ? aws_lb_listener.https[0].arn : aws_lb_listener.http.arn
  priority     = local._rules[each.key].priority
  tags         = local.tags

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.value].arn
  }

  condition {
    path_pattern {
      # "!" is not among the characters a pattern may hold (ELBv2 API, path
      # conditions); "?" stands for one of any kind.
      values = [for path in local._rules[each.key].paths : replace(path, "!", "?")]
    }
  }

  dynamic "condition" {
    for_each = length(local._rules[each.key].methods) > 0 ? [local._rules[each.key].methods] : []

    content {
      http_request_method {
        values = condition.value
      }
    }
  }
}
