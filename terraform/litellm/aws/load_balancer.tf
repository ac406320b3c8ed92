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
  rules_by_key = { for rule in local.routing_rules : rule.key => rule }

  # Terraform evaluates for_each once for each instance. Plans are faster with a map
  # without the paths.
  rule_targets = { for rule in local.routing_rules : rule.key => rule.target }

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
    terraform_data.preflight,
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
  priority     = local.rules_by_key[each.key].priority
  tags         = local.tags

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.value].arn
  }

  condition {
    path_pattern {
      values = local.rules_by_key[each.key].paths
    }
  }

  dynamic "condition" {
    for_each = length(local.rules_by_key[each.key].methods) > 0 ? [local.rules_by_key[each.key].methods] : []

    content {
      http_request_method {
        values = condition.value
      }
    }
  }
}
