# The stack's own network, or the caller's; the security groups.

locals {
  vpc_id = local.create_network ? one(aws_vpc.this[*].id) : var.vpc_id
  public_subnet_ids = (
    local.create_network
    ? [for az in var.azs : aws_subnet.public[az].id]
    : var.public_subnet_ids
  )
  private_subnet_ids = (
    local.create_network
    ? [for az in var.azs : aws_subnet.private[az].id]
    : var.private_subnet_ids
  )

  _azs = local.create_network ? { for i, az in var.azs : az => i } : {}
}

resource "aws_vpc" "this" {
  count = local.create_network ? 1 : 0

  cidr_block           = var.vpc_cidr
  enable_dns_hostnames = true
  enable_dns_support   = true
  tags                 = merge({ Name = local.name }, local.tags)
}

# A VPC comes with a group that lets its members reach each other. Nothing here
# is a member; whatever else is put into the VPC is not let in by it either.
resource "aws_default_security_group" "this" {
  count = local.create_network ? 1 : 0

  vpc_id  = aws_vpc.this[0].id
  ingress = []
  egress  = []
  tags    = merge({ Name = "${local.name}-default" }, local.tags)
}

resource "aws_flow_log" "this" {
  count = local.has_flow_log ? 1 : 0

  vpc_id               = aws_vpc.this[0].id
  traffic_type         = "ALL"
  log_destination_type = "s3"
  log_destination      = "${aws_s3_bucket.this["logs"].arn}/${local._log_prefixes.flow}/"
  tags                 = merge({ Name = local.name }, local.tags)

  depends_on = [aws_s3_bucket_policy.this]
}

resource "aws_internet_gateway" "this" {
  count = local.create_network ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = merge({ Name = local.name }, local.tags)
}

# Nothing here needs a public address of its own: the load balancer brings its
# addresses, the NAT gateway has one.
resource "aws_subnet" "public" {
  for_each = local._azs

  vpc_id                  = aws_vpc.this[0].id
  availability_zone       = each.key
  cidr_block              = cidrsubnet(var.vpc_cidr, 8, each.value)
  map_public_ip_on_launch = false
  tags                    = merge({ Name = "${local.name}-public-${each.key}" }, local.tags)
}

# The private ranges begin at the eleventh, hence ten zones at most.
resource "aws_subnet" "private" {
  for_each = local._azs

  vpc_id                  = aws_vpc.this[0].id
  availability_zone       = each.key
  cidr_block              = cidrsubnet(var.vpc_cidr, 8, each.value + 10)
  map_public_ip_on_launch = false
  tags                    = merge({ Name = "${local.name}-private-${each.key}" }, local.tags)
}

resource "aws_eip" "nat" {
  count = local.create_network ? 1 : 0

  domain = "vpc"
  tags   = merge({ Name = "${local.name}-nat" }, local.tags)

  depends_on = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "this" {
  count = local.create_network ? 1 : 0

  allocation_id = aws_eip.nat[0].id
  subnet_id     = aws_subnet.public[var.azs[0]].id
  tags          = merge({ Name = local.name }, local.tags)

  # Without its way out the gateway comes up failed.
  depends_on = [
    aws_internet_gateway.this,
    aws_route.public,
    aws_route_table_association.public,
  ]
}

resource "aws_route_table" "public" {
  count = local.create_network ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = merge({ Name = "${local.name}-public" }, local.tags)
}

resource "aws_route" "public" {
  count = local.create_network ? 1 : 0

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  for_each = local._azs

  route_table_id = aws_route_table.public[0].id
  subnet_id      = aws_subnet.public[each.key].id
}

resource "aws_route_table" "private" {
  count = local.create_network ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = merge({ Name = "${local.name}-private" }, local.tags)
}

resource "aws_route" "private" {
  count = local.create_network ? 1 : 0

  route_table_id         = aws_route_table.private[0].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[0].id
}

resource "aws_route_table_association" "private" {
  for_each = local._azs

  route_table_id = aws_route_table.private[0].id
  subnet_id      = aws_subnet.private[each.key].id
}

# ---- Security groups ----

# One a role. What is listed here is all that is open.
locals {
  _security_groups = {
    for role, there in {
      alb      = true
      gateway  = true
      backend  = true
      ui       = true
      jobs     = local.has_database
      database = var.create_database
      redis    = var.create_redis
    } : role => role if there
  }

  _anywhere = "0.0.0.0/0"

  # The tasks pull their images through their own interfaces. A registry on
  # another port than 443 tells so in the image's name.
  _ui_registry_port = try(tonumber(regex("^[^/]+:([0-9]+)/", local.images.ui)[0]), 443)

  _ingress = merge(
    {
      "alb-http"    = { to = "alb", port = 80, from = null }
      "gateway-alb" = { to = "gateway", port = local.components.gateway.port, from = "alb" }
      "backend-alb" = { to = "backend", port = local.components.backend.port, from = "alb" }
      "ui-alb"      = { to = "ui", port = local.components.ui.port, from = "alb" }
    },
    local.tls ? { "alb-https" = { to = "alb", port = 443, from = null } } : {},
    {
      for from in ["gateway", "backend", "jobs"] :
      "database-${from}" => { to = "database", port = 5432, from = from } if var.create_database
    },
    {
      for from in ["gateway", "backend"] :
      "redis-${from}" => { to = "redis", port = 6379, from = from } if var.create_redis
    },
  )

  # Gateway and backend call any model provider, and stores of your own on any
  # port; so do the jobs. The UI only pulls its image and writes its log.
  _egress = merge(
    {
      "alb-gateway" = { from = "alb", protocol = "tcp", port = local.components.gateway.port, to = "gateway" }
      "alb-backend" = { from = "alb", protocol = "tcp", port = local.components.backend.port, to = "backend" }
      "alb-ui"      = { from = "alb", protocol = "tcp", port = local.components.ui.port, to = "ui" }
      "gateway-any" = { from = "gateway", protocol = "-1", port = null, to = null }
      "backend-any" = { from = "backend", protocol = "-1", port = null, to = null }
      "ui-https"    = { from = "ui", protocol = "tcp", port = 443, to = null }
    },
    local._ui_registry_port == 443 ? {} : {
      "ui-registry" = { from = "ui", protocol = "tcp", port = local._ui_registry_port, to = null }
    },
    local.has_database ? { "jobs-any" = { from = "jobs", protocol = "-1", port = null, to = null } } : {},
  )
}

locals {
  task_security_group_ids = {
    for role in ["gateway", "backend", "ui", "jobs"] :
    role => aws_security_group.this[role].id if contains(keys(local._security_groups), role)
  }

  # The UI must not ride on a group that opens a store.
  task_security_groups = {
    for role, id in local.task_security_group_ids :
    role => concat([id], role == "ui" ? [] : var.additional_task_security_group_ids)
  }
}

resource "aws_security_group" "this" {
  for_each = local._security_groups

  name        = local.names["security_group_${each.key}"]
  description = "LiteLLM stack ${local.name}: ${each.key}"
  vpc_id      = local.vpc_id
  tags        = merge({ Name = local.names["security_group_${each.key}"] }, local.tags)
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = local._ingress

  security_group_id            = aws_security_group.this[each.value.to].id
  description                  = each.value.from == null ? "Everyone" : "From ${each.value.from}"
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  cidr_ipv4                    = each.value.from == null ? local._anywhere : null
  referenced_security_group_id = each.value.from == null ? null : aws_security_group.this[each.value.from].id
  tags                         = local.tags
}

resource "aws_vpc_security_group_egress_rule" "this" {
  for_each = local._egress

  security_group_id            = aws_security_group.this[each.value.from].id
  description                  = each.value.to == null ? "Anywhere" : "To ${each.value.to}"
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.port
  to_port                      = each.value.port
  cidr_ipv4                    = each.value.to == null ? local._anywhere : null
  referenced_security_group_id = each.value.to == null ? null : aws_security_group.this[each.value.to].id
  tags                         = local.tags
}
