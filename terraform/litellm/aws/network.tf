# The network of the stack, or the existing network of the caller, and the security
# groups.

locals {
  # The ranges of a zone follow from its letter, so that no other zone moves them. azs
  # has zones a to j only.
  zone_letters = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]
  az_indexes = local.create_network ? {
    for az in var.azs : az => index(local.zone_letters, trimprefix(az, var.region))
  } : {}
  zones = sort(keys(local.az_indexes))
}

resource "aws_vpc" "this" {
  count = local.create_network ? 1 : 0

  cidr_block           = var.vpc_cidr
  enable_dns_hostnames = true
  enable_dns_support   = true
  tags                 = merge({ Name = local.name }, local.tags)

  # Another range would replace the network under the database. RDS moves no cluster to
  # another VPC.
  lifecycle {
    ignore_changes = [cidr_block]

    postcondition {
      condition     = self.cidr_block == var.vpc_cidr
      error_message = "vpc_cidr must not change after the first apply, because the database can not move to another network; got \"${var.vpc_cidr}\", and the network has ${self.cidr_block}. Set vpc_cidr to ${self.cidr_block}, or create another stack."
    }
  }
}

# The default group of a VPC allows traffic between its members. Without rules it
# allows nothing, also to resources that others add to the VPC.
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
  log_destination      = "${aws_s3_bucket.this["logs"].arn}/${local.log_prefixes.flow}/"
  tags                 = merge({ Name = local.name }, local.tags)

  depends_on = [aws_s3_bucket_policy.this]
}

resource "aws_internet_gateway" "this" {
  count = local.create_network ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = merge({ Name = local.name }, local.tags)
}

# The load balancer and the NAT gateway have public addresses of their own. A stack of
# an earlier release may have other ranges, which its subnets keep. The subnets of a
# removed zone are deleted after their users have left.
resource "aws_subnet" "public" {
  for_each = local.az_indexes

  vpc_id                  = aws_vpc.this[0].id
  availability_zone       = each.key
  cidr_block              = cidrsubnet(var.vpc_cidr, 8, each.value)
  map_public_ip_on_launch = false
  tags                    = merge({ Name = "${local.name}-public-${each.key}" }, local.tags)

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [cidr_block]
  }
}

# The private ranges start at the eleventh.
resource "aws_subnet" "private" {
  for_each = local.az_indexes

  vpc_id                  = aws_vpc.this[0].id
  availability_zone       = each.key
  cidr_block              = cidrsubnet(var.vpc_cidr, 8, each.value + 10)
  map_public_ip_on_launch = false
  tags                    = merge({ Name = "${local.name}-private-${each.key}" }, local.tags)

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [cidr_block]
  }
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
  subnet_id     = aws_subnet.public[local.zones[0]].id
  tags          = merge({ Name = local.name }, local.tags)

  # Without a route to the internet the NAT gateway fails to start.
  depends_on = [
    aws_internet_gateway.this,
    aws_route.public,
    aws_route_table_association.public,
    terraform_data.preflight,
  ]

  # Another zone does not move the gateway: without it no request reaches a model
  # provider.
  lifecycle {
    ignore_changes = [subnet_id]

    postcondition {
      condition     = contains(values(aws_subnet.public)[*].id, self.subnet_id)
      error_message = "azs must contain the zone of the NAT gateway; got ${jsonencode(var.azs)}. Keep the zone of subnet ${self.subnet_id} in azs, or move the gateway with terraform apply -replace and the address of aws_nat_gateway.this[0], which interrupts requests to model providers for minutes."
    }
  }
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
  for_each = local.az_indexes

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
  for_each = local.az_indexes

  route_table_id = aws_route_table.private[0].id
  subnet_id      = aws_subnet.private[each.key].id
}

# Free, while the NAT gateway bills each byte: the buckets, and the image layers of ECR.
# The other partitions have another name of the service.
resource "aws_vpc_endpoint" "s3" {
  count = local.create_network && contains(["aws", "aws-cn", "aws-us-gov"], local.partition) ? 1 : 0

  vpc_id            = aws_vpc.this[0].id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private[0].id]
  tags              = merge({ Name = "${local.name}-s3" }, local.tags)
}

# ---- Security groups ----

# One group for each role. These rules are the only open ports.
locals {
  any_ipv4 = "0.0.0.0/0"

  # The tasks pull their images through their own network interfaces. The name of an
  # image contains the port of its registry if the port is not 443.
  ui_registry_port_match = regexall("^[^/]+:([0-9]+)/", local.images.ui)
  ui_registry_port       = try(tonumber(local.ui_registry_port_match[0][0]), 443)

  ingress_rules = merge(
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

  # Gateway, backend and jobs connect to any model provider and to external data
  # stores on any port. The UI only pulls its image and writes its log. Security groups
  # do not filter the DNS of a VPC, but an existing network may have other DNS servers.
  egress_rules = merge(
    {
      for component, settings in local.components : "alb-${component}" => {
        from = "alb", protocol = "tcp", port = settings.port, to = component
      }
    },
    {
      "gateway-any" = { from = "gateway", protocol = "-1", port = null, to = null }
      "backend-any" = { from = "backend", protocol = "-1", port = null, to = null }
      "ui-https"    = { from = "ui", protocol = "tcp", port = 443, to = null }
    },
    local.ui_registry_port == 443 ? {} : {
      "ui-registry" = { from = "ui", protocol = "tcp", port = local.ui_registry_port, to = null }
    },
    local.create_network ? {} : {
      for protocol in ["tcp", "udp"] : "ui-dns-${protocol}" => {
        from = "ui", protocol = protocol, port = 53, to = null
      }
    },
    local.has_database ? {
      "jobs-any" = { from = "jobs", protocol = "-1", port = null, to = null }
    } : {},
  )
}

resource "aws_security_group" "this" {
  for_each = local.security_groups

  name        = local.names["security_group_${each.key}"]
  description = "LiteLLM stack ${local.name}: ${each.key}"
  vpc_id      = local.vpc_id
  tags        = merge({ Name = local.names["security_group_${each.key}"] }, local.tags)

  # The group of a removed store or job outlives its users.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = local.ingress_rules

  security_group_id = aws_security_group.this[each.value.to].id
  description       = each.value.from == null ? "Everyone" : "From ${each.value.from}"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  cidr_ipv4         = each.value.from == null ? local.any_ipv4 : null
  referenced_security_group_id = (
    each.value.from == null ? null : aws_security_group.this[each.value.from].id
  )
  tags = local.tags
}

resource "aws_vpc_security_group_egress_rule" "this" {
  for_each = local.egress_rules

  security_group_id = aws_security_group.this[each.value.from].id
  description       = each.value.to == null ? "Anywhere" : "To ${each.value.to}"
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
  cidr_ipv4         = each.value.to == null ? local.any_ipv4 : null
  referenced_security_group_id = (
    each.value.to == null ? null : aws_security_group.this[each.value.to].id
  )
  tags = local.tags
}
