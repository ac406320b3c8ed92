################################################################################
# Identity
################################################################################

variable "region" {
  description = "Region of the stack. The caller's aws provider must be set to the same one."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as us-west-2; got \"${var.region}\". Write the region, not an availability zone."
  }
}

variable "tenant" {
  description = "Who the stack is for. Every resource is named <tenant>-litellm-<env>."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,20}$", var.tenant))
    error_message = "tenant must be 1 to 21 characters of a-z, 0-9 and \"-\", beginning with a letter; got \"${var.tenant}\". Shorten it or replace the other characters."
  }

  validation {
    condition     = !strcontains(var.tenant, "--") && !endswith(var.tenant, "-")
    error_message = "tenant must neither contain \"--\" nor end in \"-\", which databases and load balancers refuse in a name; got \"${var.tenant}\". Remove the extra hyphen."
  }

  validation {
    condition     = !strcontains(var.tenant, "goog") && !strcontains(var.tenant, "g00g")
    error_message = "tenant must not contain \"goog\" or \"g00g\", which Cloud Storage refuses in a bucket's name; got \"${var.tenant}\". Choose another name."
  }

  validation {
    condition = !anytrue([
      for prefix in ["internal-", "sg-", "sthree-", "amzn-s3-demo-"] :
      startswith("${var.tenant}-", prefix)
    ])
    error_message = "tenant must not be or begin with internal-, sg-, sthree- or amzn-s3-demo-, which AWS reserves in names; got \"${var.tenant}\". Choose another name."
  }
}

variable "env" {
  description = "Environment of the stack, such as dev, stage or prod."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,8}$", var.env))
    error_message = "env must be 1 to 9 characters of a-z, 0-9 and \"-\", beginning with a letter; got \"${var.env}\". Shorten it or replace the other characters."
  }

  validation {
    condition     = !strcontains(var.env, "--") && !endswith(var.env, "-")
    error_message = "env must neither contain \"--\" nor end in \"-\", which databases and load balancers refuse in a name; got \"${var.env}\". Remove the extra hyphen."
  }

  validation {
    condition     = !strcontains(var.env, "goog") && !strcontains(var.env, "g00g")
    error_message = "env must not contain \"goog\" or \"g00g\", which Cloud Storage refuses in a bucket's name; got \"${var.env}\". Choose another name."
  }

  validation {
    condition     = !startswith(var.env, "litellm-")
    error_message = "env must not begin with \"litellm-\", or two stacks could share every name (a, litellm-b and a-litellm, b); got \"${var.env}\". Choose another name."
  }
}

variable "tags" {
  description = "Tags for every resource that takes them, on top of litellm:stack and managed-by. At most 45."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.tags) <= 45
    error_message = "tags must have at most 45 entries, for AWS takes 50 on a resource and the stack adds its own; got ${length(var.tags)}. Remove some."
  }

  validation {
    condition = alltrue([
      for key, value in var.tags :
      can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{1,128}$", key)) &&
      !startswith(lower(key), "aws:")
    ])
    error_message = "tags must have keys of 1 to 128 letters, digits, spaces or _.:/=+-@ that do not begin with aws:; got ${jsonencode(keys(var.tags))}. Rename the odd one."
  }

  validation {
    condition = alltrue([
      for value in values(var.tags) :
      value != null && can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{0,256}$", value))
    ])
    error_message = "tags must have values of at most 256 letters, digits, spaces or _.:/=+-@; got ${jsonencode(var.tags)}. Shorten the odd one or replace the other characters."
  }
}

################################################################################
# Credentials
################################################################################

variable "litellm_master_key" {
  description = "Master key of the proxy; begins with sk-. Empty: one is made, and kept nowhere but in its secret."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = var.litellm_master_key == "" || startswith(var.litellm_master_key, "sk-")
    error_message = "litellm_master_key must be empty or begin with sk-; the value given does not (it is not shown). Put sk- in front of it, or leave it empty to have one made."
  }
}

variable "litellm_license" {
  description = "LiteLLM enterprise license. Empty: none."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false
}

variable "ui_password" {
  description = "Password of the dashboard's admin user. Empty: the master key serves."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false
}

variable "secrets_version" {
  description = "Raise it by one whenever a credential or connection URL given here changes: the new values are written and the services restarted. A master key that was made stays."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.secrets_version >= 1 && floor(var.secrets_version) == var.secrets_version
    error_message = "secrets_version must be a whole number from 1; got ${var.secrets_version}. Raise the last number by one."
  }
}

variable "kms_key_arn" {
  description = "Key of yours, in the stack's region, that database, Redis, buckets, secrets and logs are encrypted with. Empty: AWS's own keys. Give it before the first apply: database and Redis would be replaced."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = (
      can(regex("^(arn:[^:]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$", var.kms_key_arn)) &&
      (var.kms_key_arn == "" || strcontains(var.kms_key_arn, ":kms:${var.region}:"))
    )
    error_message = "kms_key_arn must be empty or the ARN of a KMS key in ${var.region}; got \"${var.kms_key_arn}\". Give the key's ARN, not that of an alias."
  }
}

################################################################################
# Images
################################################################################

variable "image_registry" {
  description = "Registry and namespace of the component images, without the last slash."
  type        = string
  default     = "ghcr.io/berriai"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9._:/-]*[a-z0-9])?$", var.image_registry))
    error_message = "image_registry must be a registry with an optional namespace, in lower case, with neither scheme nor a last slash; got \"${var.image_registry}\". Write it as ghcr.io/berriai."
  }
}

variable "image_tag" {
  description = "Tag of the component images. Pin a release in production: a moved tag does not roll the services."
  type        = string
  default     = "main-stable"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image_tag))
    error_message = "image_tag must be an image tag of at most 128 letters, digits or _.-; got \"${var.image_tag}\". For a digest set the component's own image input."
  }
}

variable "gateway_image" {
  description = "Image of the gateway. Empty: <image_registry>/litellm-gateway:<image_tag>."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][A-Za-z0-9._:/@-]*)?$", var.gateway_image))
    error_message = "gateway_image must be empty or an image reference such as ghcr.io/berriai/litellm-gateway:main-stable; got \"${var.gateway_image}\". Remove the scheme or the spaces."
  }
}

variable "backend_image" {
  description = "Image of the backend. Empty: <image_registry>/litellm-backend:<image_tag>."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][A-Za-z0-9._:/@-]*)?$", var.backend_image))
    error_message = "backend_image must be empty or an image reference such as ghcr.io/berriai/litellm-backend:main-stable; got \"${var.backend_image}\". Remove the scheme or the spaces."
  }
}

variable "ui_image" {
  description = "Image of the UI. Empty: <image_registry>/litellm-ui:<image_tag>."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][A-Za-z0-9._:/@-]*)?$", var.ui_image))
    error_message = "ui_image must be empty or an image reference such as ghcr.io/berriai/litellm-ui:main-stable; got \"${var.ui_image}\". Remove the scheme or the spaces."
  }
}

variable "migrations_image" {
  description = "Image that runs the migrations, with its own entrypoint. Empty: the backend's image with the Prisma migration script."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][A-Za-z0-9._:/@-]*)?$", var.migrations_image))
    error_message = "migrations_image must be empty or an image reference such as ghcr.io/berriai/litellm-migrations:main-stable; got \"${var.migrations_image}\". Remove the scheme or the spaces."
  }
}

################################################################################
# Network
################################################################################

variable "create_network" {
  description = "Whether the module makes the network. Null: it does when vpc_id is empty. Set it to false when vpc_id is known only after apply."
  type        = bool
  default     = null

  validation {
    condition     = var.create_network == null ? true : var.create_network == (var.vpc_id == "")
    error_message = "create_network must be true without vpc_id and false with it; got create_network = ${var.create_network == null ? "null" : var.create_network} and vpc_id = \"${var.vpc_id}\". Leave create_network unset, or mend vpc_id."
  }
}

variable "vpc_id" {
  description = "Existing VPC to use. Empty: the module makes one."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(vpc-[0-9a-f]+)?$", var.vpc_id))
    error_message = "vpc_id must be empty or the id of a VPC, such as vpc-0123456789abcdef0; got \"${var.vpc_id}\". Give the id, not the name."
  }
}

variable "public_subnet_ids" {
  description = "Public subnets of the existing VPC for the load balancer: at least two, in different zones."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = (
      coalesce(var.create_network, var.vpc_id == "")
      ? length(var.public_subnet_ids) == 0
      : length(distinct(var.public_subnet_ids)) >= 2
    )
    error_message = "public_subnet_ids must name at least two subnets with vpc_id, for a load balancer spans two zones, and none without it; got ${jsonencode(var.public_subnet_ids)}. Give two public subnets of the VPC, or leave both inputs empty."
  }

  validation {
    condition = alltrue([
      for id in var.public_subnet_ids :
      can(regex("^subnet-[0-9a-f]+$", id))
    ])
    error_message = "public_subnet_ids must hold subnet ids such as subnet-0123456789abcdef0; got ${jsonencode(var.public_subnet_ids)}. Give ids, not names or ranges."
  }
}

variable "private_subnet_ids" {
  description = "Private subnets of the existing VPC, with a way out to the internet, for tasks and stores: at least two, or one when both stores are your own."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = (
      coalesce(var.create_network, var.vpc_id == "")
      ? length(var.private_subnet_ids) == 0
      : length(distinct(var.private_subnet_ids)) >= (var.create_database || var.create_redis ? 2 : 1)
    )
    error_message = "private_subnet_ids must name at least two subnets with vpc_id (one when create_database and create_redis are both false), for a managed store spans two zones, and none without it; got ${jsonencode(var.private_subnet_ids)}. Give private subnets of the VPC, or leave both inputs empty."
  }

  validation {
    condition = alltrue([
      for id in var.private_subnet_ids :
      can(regex("^subnet-[0-9a-f]+$", id))
    ])
    error_message = "private_subnet_ids must hold subnet ids such as subnet-0123456789abcdef0; got ${jsonencode(var.private_subnet_ids)}. Give ids, not names or ranges."
  }
}

variable "additional_task_security_group_ids" {
  description = "Further security groups of the gateway, backend and job tasks, such as the one your own database admits. At most 4; the UI gets none."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.additional_task_security_group_ids) <= 4
    error_message = "additional_task_security_group_ids must have at most 4 entries, for a network interface takes 5 groups and one is the stack's; got ${length(var.additional_task_security_group_ids)}. Merge some."
  }

  validation {
    condition = alltrue([
      for id in var.additional_task_security_group_ids :
      can(regex("^sg-[0-9a-f]+$", id))
    ])
    error_message = "additional_task_security_group_ids must hold ids such as sg-0123456789abcdef0; got ${jsonencode(var.additional_task_security_group_ids)}. Give ids, not names."
  }
}

variable "vpc_cidr" {
  description = "Range of the VPC the module makes: /16 to /20. Every zone takes two subnets 8 bits longer."
  type        = string
  default     = "10.40.0.0/16"
  nullable    = false

  validation {
    condition = (
      can(regex("^[0-9.]+/(16|17|18|19|20)$", var.vpc_cidr)) &&
      try(cidrsubnet(var.vpc_cidr, 0, 0) == var.vpc_cidr, false)
    )
    error_message = "vpc_cidr must be an IPv4 range from /16 to /20, written by its first address; got \"${var.vpc_cidr}\". Write it as 10.40.0.0/16."
  }
}

variable "azs" {
  description = "Availability zones of the VPC the module makes: 2 to 10. Needed unless vpc_id is given."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.azs) != 1
    error_message = "azs must name at least two zones, for the load balancer and the database span two; got ${jsonencode(var.azs)}. Add a second zone of the region."
  }

  validation {
    condition     = !coalesce(var.create_network, var.vpc_id == "") || length(var.azs) >= 2
    error_message = "azs must name at least two zones when the module makes the VPC; got ${jsonencode(var.azs)}. Give two zones of the region, or bring a network with vpc_id."
  }

  validation {
    condition     = length(var.azs) <= 10 && length(distinct(var.azs)) == length(var.azs)
    error_message = "azs must name at most 10 zones, each once; got ${jsonencode(var.azs)}. Remove what is too much."
  }

  validation {
    condition = alltrue([
      for az in var.azs :
      startswith(az, var.region) && can(regex("^[a-z0-9-]+[a-z]$", az))
    ])
    error_message = "azs must hold zones of ${var.region}, such as ${var.region}a; got ${jsonencode(var.azs)}. Mend region or azs."
  }
}

variable "enable_flow_logs" {
  description = "Whether the traffic of the module's own network is logged to the bucket of the logs."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Load balancer
################################################################################

variable "acm_certificate_arn" {
  description = "Certificate of the load balancer, in the stack's region. Turns TLS on; port 80 then redirects."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = (
      can(regex("^(arn:[^:]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+|arn:[^:]+:iam::[0-9]{12}:server-certificate/.+)?$", var.acm_certificate_arn)) &&
      (!strcontains(var.acm_certificate_arn, ":acm:") || strcontains(var.acm_certificate_arn, ":acm:${var.region}:"))
    )
    error_message = "acm_certificate_arn must be empty or the ARN of an ACM certificate in ${var.region} or of an IAM server certificate; got \"${var.acm_certificate_arn}\". Give a certificate of this region."
  }
}

variable "enable_tls" {
  description = "Whether port 443 is served. Null: it is when acm_certificate_arn is not empty. Set it to true when the certificate is known only after apply."
  type        = bool
  default     = null
}

variable "alb_domain_name" {
  description = "Host name the certificate is for; used in the alb_url output only. Point it to alb_dns_name yourself."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+)?$", var.alb_domain_name))
    error_message = "alb_domain_name must be empty or a full host name in lower case; got \"${var.alb_domain_name}\". Write it as llm.example.com, without scheme or path."
  }
}

variable "allow_plaintext_alb" {
  description = "Whether the stack may serve plain HTTP when there is no certificate. Keys and prompts then cross the internet unencrypted."
  type        = bool
  default     = false
  nullable    = false
}

variable "waf_web_acl_arn" {
  description = "Web ACL of AWS WAF to put before the load balancer, in the stack's region. Mind the length of prompts: rules that limit a body's size refuse long ones."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:[^:]+:wafv2:[a-z0-9-]+:[0-9]{12}:regional/webacl/.+)?$", var.waf_web_acl_arn))
    error_message = "waf_web_acl_arn must be empty or the ARN of a regional web ACL; got \"${var.waf_web_acl_arn}\". Give that of an ACL made for load balancers, not for CloudFront."
  }
}

variable "enable_waf" {
  description = "Whether the web ACL is used. Null: it is when waf_web_acl_arn is not empty. Set it to true when the ACL is known only after apply."
  type        = bool
  default     = null
}

variable "drop_invalid_headers" {
  description = "Whether the load balancer drops headers whose names hold anything but letters, digits and hyphens, underscores included."
  type        = bool
  default     = true
  nullable    = false
}

variable "alb_deletion_protection" {
  description = "Whether AWS refuses to delete the load balancer; apply false before a destroy. What it holds is its name, which DNS points to."
  type        = bool
  default     = false
  nullable    = false
}

variable "extra_gateway_paths" {
  description = "Further paths of the gateway, such as your pass-through endpoints: exact (/a/b) or everything below (/a/b/*). At most 60."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = (
      length(var.extra_gateway_paths) <= 60 &&
      length(distinct(var.extra_gateway_paths)) == length(var.extra_gateway_paths)
    )
    error_message = "extra_gateway_paths must have at most 60 entries, each once, for a load balancer's rules are limited; got ${length(var.extra_gateway_paths)}: ${jsonencode(var.extra_gateway_paths)}. Cover several by one prefix."
  }

  validation {
    condition = alltrue([
      for path in var.extra_gateway_paths :
      can(regex("^(/[A-Za-z0-9._~@:+$&'-]+)+(/[*])?$", path)) && length(path) <= 128
    ])
    error_message = "extra_gateway_paths must hold exact paths (/a/b) or prefixes (/a/b/*) of at most 128 characters; got ${jsonencode(var.extra_gateway_paths)}. Both load balancers take \"*\" at the end only, and only after \"/\"."
  }

  validation {
    condition = !anytrue(flatten([
      for path in var.extra_gateway_paths : [
        for ui in ["/ui", "/_next", "/assets", "/litellm-asset-prefix", "/favicon.ico"] :
        path == ui || startswith(path, "${ui}/")
      ]
    ]))
    error_message = "extra_gateway_paths must leave the UI's paths alone (/, /ui, /_next, /assets, /litellm-asset-prefix, /favicon.ico); got ${jsonencode(var.extra_gateway_paths)}. Choose other paths for the gateway."
  }

  # Only constants are read here: a page's file is not the gateway's either.
  validation {
    condition     = !anytrue([for path in var.extra_gateway_paths : contains(local.ui_paths, path)])
    error_message = "extra_gateway_paths must not name a file of a dashboard page (routes.yaml lists the pages); got ${jsonencode(var.extra_gateway_paths)}. Choose other paths for the gateway."
  }
}

variable "request_timeout_seconds" {
  description = "Seconds that a request may stay silent before the load balancer cuts it. Long streams need it long."
  type        = number
  default     = 3600
  nullable    = false

  validation {
    condition = (
      var.request_timeout_seconds >= 1 &&
      var.request_timeout_seconds <= 3600 &&
      floor(var.request_timeout_seconds) == var.request_timeout_seconds
    )
    error_message = "request_timeout_seconds must be a whole number from 1 to 3600; got ${var.request_timeout_seconds}. Choose one in that range."
  }
}

################################################################################
# Compute
################################################################################

variable "gateway_cpu" {
  description = "CPU units of a gateway task; 1024 is one vCPU."
  type        = number
  default     = 1024
  nullable    = false

  validation {
    condition     = contains(keys(local.fargate_memory), tostring(var.gateway_cpu))
    error_message = "gateway_cpu must be one of 256, 512, 1024, 2048, 4096, 8192 or 16384, the sizes Fargate has; got ${var.gateway_cpu}. Choose one of them."
  }
}

variable "gateway_memory" {
  description = "Memory of a gateway task in MiB; must go with gateway_cpu."
  type        = number
  default     = 4096
  nullable    = false

  validation {
    condition     = contains(lookup(local.fargate_memory, tostring(var.gateway_cpu), [var.gateway_memory]), var.gateway_memory)
    error_message = "gateway_memory must go with gateway_cpu = ${var.gateway_cpu} on Fargate: ${join(", ", lookup(local.fargate_memory, tostring(var.gateway_cpu), []))} MiB; got ${var.gateway_memory}. Change one of the two."
  }
}

variable "gateway_desired_count" {
  description = "Number of gateway containers without autoscaling; with it, the number to begin with."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition = (
      var.gateway_desired_count >= 0 &&
      floor(var.gateway_desired_count) == var.gateway_desired_count
    )
    error_message = "gateway_desired_count must be a whole number from 0; got ${var.gateway_desired_count}. Write the number of containers."
  }
}

variable "gateway_num_workers" {
  description = "Uvicorn workers of each gateway container."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.gateway_num_workers >= 1 &&
      floor(var.gateway_num_workers) == var.gateway_num_workers
    )
    error_message = "gateway_num_workers must be a whole number from 1; got ${var.gateway_num_workers}. Use about one for each vCPU of gateway_cpu."
  }
}

variable "gateway_autoscaling_enabled" {
  description = "Whether the number of gateway containers follows the load. When not, gateway_desired_count holds."
  type        = bool
  default     = true
  nullable    = false
}

variable "gateway_min_capacity" {
  description = "Fewest gateway tasks under autoscaling."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.gateway_min_capacity >= 1 &&
      floor(var.gateway_min_capacity) == var.gateway_min_capacity
    )
    error_message = "gateway_min_capacity must be a whole number from 1, for nothing scales out from none; got ${var.gateway_min_capacity}. Use 1 or more."
  }
}

variable "gateway_max_capacity" {
  description = "Most gateway tasks under autoscaling."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition = (
      var.gateway_max_capacity >= var.gateway_min_capacity &&
      floor(var.gateway_max_capacity) == var.gateway_max_capacity
    )
    error_message = "gateway_max_capacity must be a whole number, not below gateway_min_capacity = ${var.gateway_min_capacity}; got ${var.gateway_max_capacity}. Raise it or lower the minimum."
  }
}

variable "gateway_cpu_target" {
  description = "Average CPU in percent that gateway autoscaling keeps; 0 for no such policy."
  type        = number
  default     = 70
  nullable    = false

  validation {
    condition = (
      var.gateway_cpu_target == 0 ||
      (var.gateway_cpu_target >= 10 && var.gateway_cpu_target <= 90)
    )
    error_message = "gateway_cpu_target must be 0 or from 10 to 90; got ${var.gateway_cpu_target}. Use 0 for no CPU policy."
  }
}

variable "gateway_memory_target" {
  description = "Average memory in percent that gateway autoscaling keeps; 0 for no such policy."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition = (
      var.gateway_memory_target == 0 ||
      (var.gateway_memory_target >= 10 && var.gateway_memory_target <= 90)
    )
    error_message = "gateway_memory_target must be 0 or from 10 to 90; got ${var.gateway_memory_target}. Use 0 for no memory policy."
  }
}

variable "backend_cpu" {
  description = "CPU units of a backend task; 1024 is one vCPU."
  type        = number
  default     = 1024
  nullable    = false

  validation {
    condition     = contains(keys(local.fargate_memory), tostring(var.backend_cpu))
    error_message = "backend_cpu must be one of 256, 512, 1024, 2048, 4096, 8192 or 16384, the sizes Fargate has; got ${var.backend_cpu}. Choose one of them."
  }
}

variable "backend_memory" {
  description = "Memory of a backend task in MiB; must go with backend_cpu."
  type        = number
  default     = 4096
  nullable    = false

  validation {
    condition     = contains(lookup(local.fargate_memory, tostring(var.backend_cpu), [var.backend_memory]), var.backend_memory)
    error_message = "backend_memory must go with backend_cpu = ${var.backend_cpu} on Fargate: ${join(", ", lookup(local.fargate_memory, tostring(var.backend_cpu), []))} MiB; got ${var.backend_memory}. Change one of the two."
  }
}

variable "backend_desired_count" {
  description = "Number of backend containers without autoscaling; with it, the number to begin with."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.backend_desired_count >= 0 &&
      floor(var.backend_desired_count) == var.backend_desired_count
    )
    error_message = "backend_desired_count must be a whole number from 0; got ${var.backend_desired_count}. Write the number of containers."
  }
}

variable "backend_autoscaling_enabled" {
  description = "Whether the number of backend containers follows the load. When not, backend_desired_count holds."
  type        = bool
  default     = true
  nullable    = false
}

variable "backend_min_capacity" {
  description = "Fewest backend tasks under autoscaling."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.backend_min_capacity >= 1 &&
      floor(var.backend_min_capacity) == var.backend_min_capacity
    )
    error_message = "backend_min_capacity must be a whole number from 1, for nothing scales out from none; got ${var.backend_min_capacity}. Use 1 or more."
  }
}

variable "backend_max_capacity" {
  description = "Most backend tasks under autoscaling."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition = (
      var.backend_max_capacity >= var.backend_min_capacity &&
      floor(var.backend_max_capacity) == var.backend_max_capacity
    )
    error_message = "backend_max_capacity must be a whole number, not below backend_min_capacity = ${var.backend_min_capacity}; got ${var.backend_max_capacity}. Raise it or lower the minimum."
  }
}

variable "backend_cpu_target" {
  description = "Average CPU in percent that backend autoscaling keeps; 0 for no such policy."
  type        = number
  default     = 70
  nullable    = false

  validation {
    condition = (
      var.backend_cpu_target == 0 ||
      (var.backend_cpu_target >= 10 && var.backend_cpu_target <= 90)
    )
    error_message = "backend_cpu_target must be 0 or from 10 to 90; got ${var.backend_cpu_target}. Use 0 for no CPU policy."
  }
}

variable "backend_memory_target" {
  description = "Average memory in percent that backend autoscaling keeps; 0 for no such policy."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition = (
      var.backend_memory_target == 0 ||
      (var.backend_memory_target >= 10 && var.backend_memory_target <= 90)
    )
    error_message = "backend_memory_target must be 0 or from 10 to 90; got ${var.backend_memory_target}. Use 0 for no memory policy."
  }
}

variable "ui_cpu" {
  description = "CPU units of a UI task; 1024 is one vCPU."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = contains(keys(local.fargate_memory), tostring(var.ui_cpu))
    error_message = "ui_cpu must be one of 256, 512, 1024, 2048, 4096, 8192 or 16384, the sizes Fargate has; got ${var.ui_cpu}. Choose one of them."
  }
}

variable "ui_memory" {
  description = "Memory of a UI task in MiB; must go with ui_cpu."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = contains(lookup(local.fargate_memory, tostring(var.ui_cpu), [var.ui_memory]), var.ui_memory)
    error_message = "ui_memory must go with ui_cpu = ${var.ui_cpu} on Fargate: ${join(", ", lookup(local.fargate_memory, tostring(var.ui_cpu), []))} MiB; got ${var.ui_memory}. Change one of the two."
  }
}

variable "ui_desired_count" {
  description = "Number of UI containers without autoscaling; with it, the number to begin with."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.ui_desired_count >= 0 &&
      floor(var.ui_desired_count) == var.ui_desired_count
    )
    error_message = "ui_desired_count must be a whole number from 0; got ${var.ui_desired_count}. Write the number of containers."
  }
}

variable "ui_autoscaling_enabled" {
  description = "Whether the number of UI containers follows the load. When not, ui_desired_count holds."
  type        = bool
  default     = false
  nullable    = false
}

variable "ui_min_capacity" {
  description = "Fewest UI tasks under autoscaling."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.ui_min_capacity >= 1 &&
      floor(var.ui_min_capacity) == var.ui_min_capacity
    )
    error_message = "ui_min_capacity must be a whole number from 1, for nothing scales out from none; got ${var.ui_min_capacity}. Use 1 or more."
  }
}

variable "ui_max_capacity" {
  description = "Most UI tasks under autoscaling."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition = (
      var.ui_max_capacity >= var.ui_min_capacity &&
      floor(var.ui_max_capacity) == var.ui_max_capacity
    )
    error_message = "ui_max_capacity must be a whole number, not below ui_min_capacity = ${var.ui_min_capacity}; got ${var.ui_max_capacity}. Raise it or lower the minimum."
  }
}

variable "ui_cpu_target" {
  description = "Average CPU in percent that UI autoscaling keeps; 0 for no such policy."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition = (
      var.ui_cpu_target == 0 ||
      (var.ui_cpu_target >= 10 && var.ui_cpu_target <= 90)
    )
    error_message = "ui_cpu_target must be 0 or from 10 to 90; got ${var.ui_cpu_target}. Use 0 for no CPU policy."
  }
}

variable "ui_memory_target" {
  description = "Average memory in percent that UI autoscaling keeps; 0 for no such policy."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition = (
      var.ui_memory_target == 0 ||
      (var.ui_memory_target >= 10 && var.ui_memory_target <= 90)
    )
    error_message = "ui_memory_target must be 0 or from 10 to 90; got ${var.ui_memory_target}. Use 0 for no memory policy."
  }
}

################################################################################
# Database
################################################################################

variable "create_database" {
  description = "Whether the module makes the database. When not, database_url brings your own, and without that the proxy has none."
  type        = bool
  default     = true
  nullable    = false
}

variable "database_url" {
  description = "Connection URL of your own PostgreSQL (postgresql://...); only with create_database = false."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = can(regex("^(postgres(ql)?://.+)?$", var.database_url))
    error_message = "database_url must be empty or begin with postgresql://; the value given does not (it is not shown). Write it as postgresql://user:password@host:5432/name."
  }

  validation {
    condition     = var.database_url == "" || !var.create_database
    error_message = "database_url must be empty while create_database is true; a value was given (it is not shown). Set create_database = false to use your own database."
  }
}

variable "create_read_replica" {
  description = "Whether the database that the module makes has a reader, which the proxy then reads from."
  type        = bool
  default     = true
  nullable    = false
}

variable "db_instance_class" {
  description = "Class of the Aurora instances."
  type        = string
  default     = "db.r6g.large"
  nullable    = false

  validation {
    condition     = can(regex("^db[.][a-z0-9]+[.][a-z0-9]+$", var.db_instance_class))
    error_message = "db_instance_class must be a provisioned Aurora class such as db.r6g.large; got \"${var.db_instance_class}\". Give a class that Aurora PostgreSQL has; serverless is not offered."
  }
}

variable "db_engine_version" {
  description = "Aurora PostgreSQL version. With the major number alone (16) AWS picks the minor and upgrades it."
  type        = string
  default     = "16.8"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]([.][0-9]+)?$", var.db_engine_version))
    error_message = "db_engine_version must be a PostgreSQL version such as 16.8 or 16; got \"${var.db_engine_version}\". Write major, or major.minor."
  }
}

variable "db_name" {
  description = "Name of the proxy's database in what the module makes."
  type        = string
  default     = "litellm"
  nullable    = false

  validation {
    condition = (
      can(regex("^[a-z_][a-z0-9_]{0,62}$", var.db_name)) &&
      !contains(["postgres", "template0", "template1", "rdsadmin", "cloudsqladmin"], var.db_name)
    )
    error_message = "db_name must be 1 to 63 characters of a-z, 0-9 and _, beginning with a letter or _, and not postgres, template0, template1, rdsadmin or cloudsqladmin; got \"${var.db_name}\". Choose another name."
  }
}

variable "db_master_username" {
  description = "Master user of the cluster. Only the database bootstrap uses it; RDS keeps and rotates its password."
  type        = string
  default     = "postgres"
  nullable    = false

  validation {
    condition = (
      can(regex("^[a-z][a-z0-9_]{0,62}$", var.db_master_username)) &&
      !can(regex("^(pg_|rds)", var.db_master_username))
    )
    error_message = "db_master_username must be 1 to 63 characters of a-z, 0-9 and _, beginning with a letter, and must not begin with pg_ or rds, which the engine reserves; got \"${var.db_master_username}\". Choose another name."
  }
}

variable "db_username" {
  description = "User the proxy and the migrations sign in as, by IAM."
  type        = string
  default     = "litellm_app"
  nullable    = false

  validation {
    condition = (
      can(regex("^[a-z_][a-z0-9_]{0,62}$", var.db_username)) &&
      !can(regex("^(postgres$|pg_|rds|cloudsql)", var.db_username))
    )
    error_message = "db_username must be 1 to 63 characters of a-z, 0-9 and _, beginning with a letter or _, not postgres and not beginning with pg_, rds or cloudsql, which the engines reserve; got \"${var.db_username}\". Choose another name."
  }

  validation {
    condition     = var.db_username != var.db_master_username
    error_message = "db_username must differ from db_master_username, for the proxy has no business with the master user; got \"${var.db_username}\" for both. Choose another name."
  }
}

variable "db_backup_retention_days" {
  description = "Days that automatic backups of the database are kept: 1 to 35."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition = (
      var.db_backup_retention_days >= 1 &&
      var.db_backup_retention_days <= 35 &&
      floor(var.db_backup_retention_days) == var.db_backup_retention_days
    )
    error_message = "db_backup_retention_days must be a whole number from 1 to 35; got ${var.db_backup_retention_days}. Choose one in that range."
  }
}

variable "enable_db_audit_logs" {
  description = "Whether the module's database logs connections, changes of the schema, waits for locks and what takes longer than a second; not the values that LiteLLM passes."
  type        = bool
  default     = true
  nullable    = false
}

variable "db_monitoring_interval" {
  description = "Seconds between two looks of enhanced monitoring at the module's database: 1, 5, 10, 15, 30 or 60; 0 turns it off."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = contains([0, 1, 5, 10, 15, 30, 60], var.db_monitoring_interval)
    error_message = "db_monitoring_interval must be 0, 1, 5, 10, 15, 30 or 60; got ${var.db_monitoring_interval}. Choose one of them."
  }
}

variable "db_deletion_protection" {
  description = "Whether AWS refuses to delete the database; apply false before a destroy. True is the safe side."
  type        = bool
  default     = true
  nullable    = false
}

variable "skip_final_snapshot" {
  description = "Whether destroy drops the database without a last snapshot. False is the safe side."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Cache
################################################################################

variable "create_redis" {
  description = "Whether the module makes the Redis. When not, redis_url brings your own, and without that limits hold for each process alone."
  type        = bool
  default     = true
  nullable    = false
}

variable "redis_url" {
  description = "Connection URL of your own Redis (redis:// or rediss://); only with create_redis = false."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = can(regex("^(rediss?://.+)?$", var.redis_url))
    error_message = "redis_url must be empty or begin with redis:// or rediss://; the value given does not (it is not shown). Write it as rediss://:password@host:6379."
  }

  validation {
    condition     = var.redis_url == "" || !var.create_redis
    error_message = "redis_url must be empty while create_redis is true; a value was given (it is not shown). Set create_redis = false to use your own Redis."
  }
}

variable "redis_node_type" {
  description = "Type of the ElastiCache nodes."
  type        = string
  default     = "cache.t4g.small"
  nullable    = false

  validation {
    condition     = can(regex("^cache[.][a-z0-9]+[.][a-z0-9]+$", var.redis_node_type))
    error_message = "redis_node_type must be an ElastiCache node type such as cache.t4g.small; got \"${var.redis_node_type}\". Give a type that ElastiCache has."
  }
}

variable "redis_num_replicas" {
  description = "Replicas beside the primary Redis node: 0 to 5. With one or more, failover is automatic."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.redis_num_replicas >= 0 &&
      var.redis_num_replicas <= 5 &&
      floor(var.redis_num_replicas) == var.redis_num_replicas
    )
    error_message = "redis_num_replicas must be a whole number from 0 to 5; got ${var.redis_num_replicas}. Choose one in that range."
  }
}

################################################################################
# Object store
################################################################################

variable "s3_force_destroy" {
  description = "Whether destroy deletes the data bucket with everything in it. False is the safe side."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Configuration
################################################################################

variable "proxy_config" {
  description = "LiteLLM's configuration file as a map (model_list, litellm_settings, general_settings, router_settings, ...). Empty: no file."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.proxy_config))
    error_message = "proxy_config must be a map, as LiteLLM's config.yaml is; what was given is not one. Write it as { model_list = [...] }, or use yamldecode(file(...))."
  }
}

variable "gateway_extra_env" {
  description = "Further environment of the gateway; replaces a default of the same name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name, value in var.gateway_extra_env :
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && value != null
    ])
    error_message = "gateway_extra_env must map environment names (letters, digits and _, not beginning with a digit) to strings; got the names ${jsonencode(keys(var.gateway_extra_env))}. Rename the odd one, or drop the null."
  }
}

variable "backend_extra_env" {
  description = "Further environment of the backend; replaces a default of the same name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name, value in var.backend_extra_env :
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && value != null
    ])
    error_message = "backend_extra_env must map environment names (letters, digits and _, not beginning with a digit) to strings; got the names ${jsonencode(keys(var.backend_extra_env))}. Rename the odd one, or drop the null."
  }
}

variable "gateway_extra_secrets" {
  description = "Further environment of the gateway from Secrets Manager (optionally :json-key:stage:version) or Parameter Store, by ARN; replaces anything of the same name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name in keys(var.gateway_extra_secrets) :
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))
    ])
    error_message = "gateway_extra_secrets must map environment names (letters, digits and _, not beginning with a digit) to ARNs; got the names ${jsonencode(keys(var.gateway_extra_secrets))}. Rename the odd one."
  }

  validation {
    condition = alltrue([
      for arn in values(var.gateway_extra_secrets) :
      can(regex(local.secret_pattern, arn))
    ])
    error_message = "gateway_extra_secrets must hold ARNs of secrets (optionally ending in :json-key:stage:version, each part may be empty) or of parameters; got another form for ${jsonencode([for name, arn in var.gateway_extra_secrets : name if !can(regex(local.secret_pattern, arn))])} (not shown). Give the full ARN, never the value."
  }
}

variable "backend_extra_secrets" {
  description = "Further environment of the backend from Secrets Manager (optionally :json-key:stage:version) or Parameter Store, by ARN; replaces anything of the same name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name in keys(var.backend_extra_secrets) :
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))
    ])
    error_message = "backend_extra_secrets must map environment names (letters, digits and _, not beginning with a digit) to ARNs; got the names ${jsonencode(keys(var.backend_extra_secrets))}. Rename the odd one."
  }

  validation {
    condition = alltrue([
      for arn in values(var.backend_extra_secrets) :
      can(regex(local.secret_pattern, arn))
    ])
    error_message = "backend_extra_secrets must hold ARNs of secrets (optionally ending in :json-key:stage:version, each part may be empty) or of parameters; got another form for ${jsonencode([for name, arn in var.backend_extra_secrets : name if !can(regex(local.secret_pattern, arn))])} (not shown). Give the full ARN, never the value."
  }
}

################################################################################
# Migrations
################################################################################

variable "run_migrations" {
  description = "Whether apply runs the database bootstrap and the migrations; needs bash and the AWS CLI where Terraform runs. When not, run by hand what the outputs database_bootstrap_command and migration_run_command print."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Observability
################################################################################

variable "otel_endpoint" {
  description = "OpenTelemetry endpoint of gateway and backend. Empty: no OpenTelemetry."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^((https?://)?[^[:space:]/]+(/[^[:space:]]*)?)?$", var.otel_endpoint))
    error_message = "otel_endpoint must be empty or a host or URL without spaces; got \"${var.otel_endpoint}\". Write it as https://otel.example.com:4318."
  }
}

variable "otel_exporter" {
  description = "OpenTelemetry exporter: otlp_http, otlp_grpc or console."
  type        = string
  default     = "otlp_http"
  nullable    = false

  validation {
    condition     = contains(["otlp_http", "otlp_grpc", "console"], var.otel_exporter)
    error_message = "otel_exporter must be otlp_http, otlp_grpc or console; got \"${var.otel_exporter}\". Choose one of the three."
  }
}

variable "otel_environment_name" {
  description = "Environment name in the telemetry. Empty: env."
  type        = string
  default     = ""
  nullable    = false
}

variable "otel_capture_message_content" {
  description = "Whether prompts and answers go into the telemetry: no_content or prompt_and_completion."
  type        = string
  default     = "no_content"
  nullable    = false

  validation {
    condition     = contains(["no_content", "prompt_and_completion"], var.otel_capture_message_content)
    error_message = "otel_capture_message_content must be no_content or prompt_and_completion; got \"${var.otel_capture_message_content}\". Choose one of the two."
  }
}

variable "otel_headers_secret_arn" {
  description = "Secret or parameter with the exporter's headers, by ARN (a secret optionally with :json-key:stage:version). Only with otel_endpoint."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = (
      var.otel_headers_secret_arn == "" ||
      can(regex(local.secret_pattern, var.otel_headers_secret_arn))
    )
    error_message = "otel_headers_secret_arn must be empty or the ARN of a secret (optionally ending in :json-key:stage:version) or of a parameter; got another form (not shown). Give the full ARN, never the value."
  }
}

variable "enable_access_logs" {
  description = "Whether requests to the load balancer and to the buckets are logged, to a bucket of their own."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that logs are kept; 0 keeps them for ever."
  type        = number
  default     = 365
  nullable    = false

  # The API's closed list (CloudWatch Logs, PutRetentionPolicy).
  validation {
    condition = contains([
      0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096,
      1827, 2192, 2557, 2922, 3288, 3653,
    ], var.log_retention_days)
    error_message = "log_retention_days must be 0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653, which are all CloudWatch has; got ${var.log_retention_days}. Choose one of them."
  }
}
