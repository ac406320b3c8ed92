################################################################################
# Identity
################################################################################

variable "region" {
  description = "Region of the stack, which must be the region of the aws provider."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$", var.region))
    error_message = "region must be the name of an AWS region, such as us-west-2; got \"${var.region}\". Set region to a region, not to a zone."
  }
}

variable "tenant" {
  description = "Name of the tenant of the stack. The name of every resource starts with <tenant>-litellm-<env>."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,20}$", var.tenant))
    error_message = "tenant must be 1 to 21 characters of a-z, 0-9 and \"-\", starting with a letter; got \"${var.tenant}\". Shorten tenant, or replace the other characters."
  }

  validation {
    condition     = !strcontains(var.tenant, "--") && !endswith(var.tenant, "-")
    error_message = "tenant must neither contain \"--\" nor end in \"-\", which databases and load balancers reject in a name; got \"${var.tenant}\". Remove the extra hyphen from tenant."
  }

  validation {
    condition     = !strcontains(var.tenant, "goog") && !strcontains(var.tenant, "g00g")
    error_message = "tenant must not contain \"goog\" or \"g00g\", which Cloud Storage rejects in a bucket name; got \"${var.tenant}\". Change tenant."
  }

  validation {
    condition = !anytrue([
      for prefix in ["internal-", "sg-", "sthree-", "amzn-s3-demo-"] :
      startswith("${var.tenant}-", prefix)
    ])
    error_message = "tenant must not be or begin with internal-, sg-, sthree- or amzn-s3-demo-, which AWS reserves in names; got \"${var.tenant}\". Change tenant."
  }
}

variable "env" {
  description = "Environment of the stack, such as dev, stage or prod."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,8}$", var.env))
    error_message = "env must be 1 to 9 characters of a-z, 0-9 and \"-\", starting with a letter; got \"${var.env}\". Shorten env, or replace the other characters."
  }

  validation {
    condition     = !strcontains(var.env, "--") && !endswith(var.env, "-")
    error_message = "env must neither contain \"--\" nor end in \"-\", which databases and load balancers reject in a name; got \"${var.env}\". Remove the extra hyphen from env."
  }

  validation {
    condition     = !strcontains(var.env, "goog") && !strcontains(var.env, "g00g")
    error_message = "env must not contain \"goog\" or \"g00g\", which Cloud Storage rejects in a bucket name; got \"${var.env}\". Change env."
  }

  validation {
    condition     = !startswith(var.env, "litellm-")
    error_message = "env must not begin with \"litellm-\", or two stacks could share every name (a, litellm-b and a-litellm, b); got \"${var.env}\". Change env."
  }
}

variable "tags" {
  description = "Tags of all resources that support tags, in addition to litellm:stack and managed-by. At most 45."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.tags) <= 45
    error_message = "tags must have at most 45 entries, because AWS allows 50 on a resource and the stack adds others; got ${length(var.tags)}. Remove entries from tags."
  }

  validation {
    condition = alltrue([
      for key, value in var.tags :
      can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{1,128}$", key)) &&
      !startswith(lower(key), "aws:")
    ])
    error_message = "tags must have keys of 1 to 128 letters, digits, spaces or _.:/=+-@ that do not begin with aws:; got ${jsonencode(keys(var.tags))}. Rename the invalid key in tags."
  }

  validation {
    condition = alltrue([
      for value in values(var.tags) :
      value != null && can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{0,256}$", value))
    ])
    error_message = "tags must have values of at most 256 letters, digits, spaces or _.:/=+-@; got ${jsonencode(var.tags)}. Change the invalid value in tags."
  }
}

variable "iam_path" {
  description = "Path of the IAM roles, such as /platform/. It can not change after the first apply."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([A-Za-z0-9+=,.@_-]+/){0,8}$", var.iam_path)) && length(var.iam_path) <= 512
    error_message = "iam_path must begin and end with /, and have at most 8 parts of letters, digits or +=,.@_- between; got \"${var.iam_path}\". Set iam_path to a path such as /platform/."
  }
}

variable "iam_permissions_boundary_arn" {
  description = "ARN of the policy that limits the permissions of all IAM roles. If empty, no permissions boundary."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws(-[a-z]+)*:iam::([0-9]{12}|aws):policy/.+)?$", var.iam_permissions_boundary_arn))
    error_message = "iam_permissions_boundary_arn must be empty or the ARN of an IAM policy; got \"${var.iam_permissions_boundary_arn}\". Set iam_permissions_boundary_arn to a policy, not to a role."
  }
}

################################################################################
# Credentials
################################################################################

variable "provided_credentials" {
  description = "Names of the credential inputs that the caller sets: litellm_master_key, litellm_salt_key, litellm_license, ui_password, database_url, redis_url. The plan fails if an input is missing or not listed."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for name in var.provided_credentials :
      contains(local.credential_names, name)
    ])
    error_message = "provided_credentials must contain only litellm_master_key, litellm_salt_key, litellm_license, ui_password, database_url and redis_url; got ${jsonencode(var.provided_credentials)}. Remove the other names from provided_credentials."
  }
}

variable "litellm_master_key" {
  description = "Master key of the proxy, with the prefix sk-. If empty, the module generates a key and stores it only in the secret."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = var.litellm_master_key == "" || startswith(var.litellm_master_key, "sk-")
    error_message = "litellm_master_key must be empty or begin with sk-; the value does not (it is not shown). Add the prefix sk- to litellm_master_key, or leave it empty to generate a key."
  }

  validation {
    condition     = !contains(local.public_key_digests, sha256(var.litellm_master_key))
    error_message = "litellm_master_key must not be a publicly known key, with which LiteLLM does not start; the value is the key of the LiteLLM tutorials. Set litellm_master_key to a random value, or leave it empty to generate a key."
  }

  validation {
    condition     = var.litellm_master_key == "" || contains(var.provided_credentials, "litellm_master_key")
    error_message = "litellm_master_key must be empty unless provided_credentials contains \"litellm_master_key\"; got a value (it is not shown). Add \"litellm_master_key\" to provided_credentials, so that a later apply without the value fails."
  }

  validation {
    condition     = var.litellm_master_key != "" || !contains(var.provided_credentials, "litellm_master_key")
    error_message = "litellm_master_key must not be empty while provided_credentials contains \"litellm_master_key\", because apply would replace or delete the stored value; got \"\". Set litellm_master_key, for example with TF_VAR_litellm_master_key, or remove it from provided_credentials."
  }
}

variable "litellm_salt_key" {
  description = "Key with which LiteLLM encrypts the credentials in its database. If empty, the module generates a key. Only the first apply reads it. For a database that was used without a salt key, set it to the master key of that database."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = var.litellm_salt_key == "" || contains(var.provided_credentials, "litellm_salt_key")
    error_message = "litellm_salt_key must be empty unless provided_credentials contains \"litellm_salt_key\"; got a value (it is not shown). Add \"litellm_salt_key\" to provided_credentials, so that a later apply without the value fails."
  }

  validation {
    condition     = var.litellm_salt_key != "" || !contains(var.provided_credentials, "litellm_salt_key")
    error_message = "litellm_salt_key must not be empty while provided_credentials contains \"litellm_salt_key\", because apply would replace or delete the stored value; got \"\". Set litellm_salt_key, for example with TF_VAR_litellm_salt_key, or remove it from provided_credentials."
  }
}

variable "litellm_license" {
  description = "LiteLLM enterprise license. If empty, no license."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = var.litellm_license == "" || contains(var.provided_credentials, "litellm_license")
    error_message = "litellm_license must be empty unless provided_credentials contains \"litellm_license\"; got a value (it is not shown). Add \"litellm_license\" to provided_credentials, so that a later apply without the value fails."
  }

  validation {
    condition     = var.litellm_license != "" || !contains(var.provided_credentials, "litellm_license")
    error_message = "litellm_license must not be empty while provided_credentials contains \"litellm_license\", because apply would replace or delete the stored value; got \"\". Set litellm_license, for example with TF_VAR_litellm_license, or remove it from provided_credentials."
  }
}

variable "ui_password" {
  description = "Password of the admin user of the dashboard. If empty, the master key is the password."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = var.ui_password == "" || contains(var.provided_credentials, "ui_password")
    error_message = "ui_password must be empty unless provided_credentials contains \"ui_password\"; got a value (it is not shown). Add \"ui_password\" to provided_credentials, so that a later apply without the value fails."
  }

  validation {
    condition     = var.ui_password != "" || !contains(var.provided_credentials, "ui_password")
    error_message = "ui_password must not be empty while provided_credentials contains \"ui_password\", because apply would replace or delete the stored value; got \"\". Set ui_password, for example with TF_VAR_ui_password, or remove it from provided_credentials."
  }
}

variable "secrets_version" {
  description = "Version of the credentials and connection URLs. Increase it by one if one of these inputs changes: apply then writes the new values and restarts the services. A generated master key does not change."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.secrets_version >= 1 && floor(var.secrets_version) == var.secrets_version
    error_message = "secrets_version must be an integer of at least 1; got ${var.secrets_version}. Increase the previous secrets_version by one."
  }
}

variable "kms_key_arn" {
  description = "ARN of a KMS key in the region of the stack, for the encryption of database, Redis, buckets, secrets and logs. If empty, keys that AWS manages. Set it before the first apply: database and Redis can not change their key."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = (
      can(regex("^(arn:aws(-[a-z]+)*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$", var.kms_key_arn)) &&
      (var.kms_key_arn == "" || strcontains(var.kms_key_arn, ":kms:${var.region}:"))
    )
    error_message = "kms_key_arn must be empty or the ARN of a KMS key in ${var.region}; got \"${var.kms_key_arn}\". Set kms_key_arn to the ARN of the key, not of an alias."
  }
}

################################################################################
# Images
################################################################################

variable "image_registry" {
  description = "Registry and namespace of the component images, without a trailing slash."
  type        = string
  default     = "ghcr.io/berriai"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9._:/-]*[a-z0-9])?$", var.image_registry))
    error_message = "image_registry must be a registry with an optional namespace, in lower case, without scheme and trailing slash; got \"${var.image_registry}\". Set image_registry to a value such as ghcr.io/berriai."
  }
}

variable "image_tag" {
  description = "Tag of the component images. Use a fixed release in production: Terraform does not detect a tag that moves."
  type        = string
  default     = "main-stable"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image_tag))
    error_message = "image_tag must be an image tag of at most 128 letters, digits or _.-; got \"${var.image_tag}\". Change image_tag, or set the image input of the component to a digest."
  }
}

variable "gateway_image" {
  description = "Image of the gateway. If empty, <image_registry>/litellm-gateway:<image_tag>."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][A-Za-z0-9._:/@-]*)?$", var.gateway_image))
    error_message = "gateway_image must be empty or an image reference such as ghcr.io/berriai/litellm-gateway:main-stable; got \"${var.gateway_image}\". Remove the scheme or the spaces from gateway_image."
  }
}

variable "backend_image" {
  description = "Image of the backend. If empty, <image_registry>/litellm-backend:<image_tag>."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][A-Za-z0-9._:/@-]*)?$", var.backend_image))
    error_message = "backend_image must be empty or an image reference such as ghcr.io/berriai/litellm-backend:main-stable; got \"${var.backend_image}\". Remove the scheme or the spaces from backend_image."
  }
}

variable "ui_image" {
  description = "Image of the UI. If empty, <image_registry>/litellm-ui:<image_tag>."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][A-Za-z0-9._:/@-]*)?$", var.ui_image))
    error_message = "ui_image must be empty or an image reference such as ghcr.io/berriai/litellm-ui:main-stable; got \"${var.ui_image}\". Remove the scheme or the spaces from ui_image."
  }
}

variable "migrations_image" {
  description = "Image of the migrations job. It must contain Node.js, which Prisma requires. If empty, <image_registry>/litellm-migrations:<image_tag>."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][A-Za-z0-9._:/@-]*)?$", var.migrations_image))
    error_message = "migrations_image must be empty or an image reference such as ghcr.io/berriai/litellm-migrations:main-stable; got \"${var.migrations_image}\". Remove the scheme or the spaces from migrations_image."
  }
}

variable "bootstrap_image" {
  description = "Image of the bootstrap job, with a shell and psql. If empty, public.ecr.aws/docker/library/postgres:16-alpine."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][A-Za-z0-9._:/@-]*)?$", var.bootstrap_image))
    error_message = "bootstrap_image must be empty or an image reference such as public.ecr.aws/docker/library/postgres:16-alpine; got \"${var.bootstrap_image}\". Remove the scheme or the spaces from bootstrap_image."
  }
}

################################################################################
# Network
################################################################################

variable "create_network" {
  description = "Whether to create the network. If null, true if vpc_id is empty. Set it to false if vpc_id is known only after apply."
  type        = bool
  default     = null

  validation {
    condition     = var.create_network == null ? true : var.create_network == (var.vpc_id == "")
    error_message = "create_network must be true without vpc_id and false with it; got create_network = ${var.create_network == null ? "null" : var.create_network} and vpc_id = \"${var.vpc_id}\". Leave create_network unset, or change vpc_id."
  }
}

variable "vpc_id" {
  description = "Id of an existing VPC. If empty, the module creates a VPC."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(vpc-[0-9a-f]+)?$", var.vpc_id))
    error_message = "vpc_id must be empty or the id of a VPC, such as vpc-0123456789abcdef0; got \"${var.vpc_id}\". Set vpc_id to the id, not to the name."
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
    error_message = "public_subnet_ids must contain at least two subnets with vpc_id, because a load balancer requires two zones, and none without vpc_id; got ${jsonencode(var.public_subnet_ids)}. Add public subnets of the VPC to public_subnet_ids, or leave both inputs empty."
  }

  validation {
    condition = alltrue([
      for id in var.public_subnet_ids :
      can(regex("^subnet-[0-9a-f]+$", id))
    ])
    error_message = "public_subnet_ids must contain subnet ids such as subnet-0123456789abcdef0; got ${jsonencode(var.public_subnet_ids)}. Set public_subnet_ids to ids, not names or ranges."
  }
}

variable "private_subnet_ids" {
  description = "Private subnets of the existing VPC for tasks and data stores, with a route to the internet. At least two, or one if database and Redis are external."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = (
      coalesce(var.create_network, var.vpc_id == "")
      ? length(var.private_subnet_ids) == 0
      : length(distinct(var.private_subnet_ids)) >= (var.create_database || var.create_redis ? 2 : 1)
    )
    error_message = "private_subnet_ids must contain at least two subnets with vpc_id (one when create_database and create_redis are both false), because managed data stores require two zones, and none without vpc_id; got ${jsonencode(var.private_subnet_ids)}. Add private subnets of the VPC to private_subnet_ids, or leave both inputs empty."
  }

  validation {
    condition = alltrue([
      for id in var.private_subnet_ids :
      can(regex("^subnet-[0-9a-f]+$", id))
    ])
    error_message = "private_subnet_ids must contain subnet ids such as subnet-0123456789abcdef0; got ${jsonencode(var.private_subnet_ids)}. Set private_subnet_ids to ids, not names or ranges."
  }
}

variable "additional_task_security_group_ids" {
  description = "Additional security groups of the gateway, backend and job tasks, such as a group that an external database admits. At most 4. The UI does not get them."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.additional_task_security_group_ids) <= 4
    error_message = "additional_task_security_group_ids must have at most 4 entries, because a network interface has at most 5 groups and the stack uses one; got ${length(var.additional_task_security_group_ids)}. Remove groups from additional_task_security_group_ids."
  }

  validation {
    condition = alltrue([
      for id in var.additional_task_security_group_ids :
      can(regex("^sg-[0-9a-f]+$", id))
    ])
    error_message = "additional_task_security_group_ids must contain ids such as sg-0123456789abcdef0; got ${jsonencode(var.additional_task_security_group_ids)}. Set additional_task_security_group_ids to ids, not names."
  }
}

variable "vpc_cidr" {
  description = "IPv4 range of the VPC that the module creates: /16 to /20. Each zone has two subnets with a prefix that is 8 bits longer. It can not change after the first apply."
  type        = string
  default     = "10.40.0.0/16"
  nullable    = false

  validation {
    condition = (
      can(regex("^[0-9.]+/(16|17|18|19|20)$", var.vpc_cidr)) &&
      try(cidrsubnet(var.vpc_cidr, 0, 0) == var.vpc_cidr, false)
    )
    error_message = "vpc_cidr must be an IPv4 range from /16 to /20 that starts with its first address; got \"${var.vpc_cidr}\". Set vpc_cidr to a range such as 10.40.0.0/16."
  }
}

variable "azs" {
  description = "Availability zones of the VPC that the module creates: 2 to 10, in any order. Required if vpc_id is empty."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.azs) != 1
    error_message = "azs must contain at least two zones, because load balancer and database require two; got ${jsonencode(var.azs)}. Add a second zone of the region to azs."
  }

  validation {
    condition     = !coalesce(var.create_network, var.vpc_id == "") || length(var.azs) >= 2
    error_message = "azs must contain at least two zones if vpc_id is empty; got ${jsonencode(var.azs)}. Add zones of the region to azs, or set vpc_id."
  }

  validation {
    condition     = length(var.azs) <= 10 && length(distinct(var.azs)) == length(var.azs)
    error_message = "azs must contain at most 10 zones, without duplicates; got ${jsonencode(var.azs)}. Remove zones from azs."
  }

  validation {
    condition = alltrue([
      for az in var.azs :
      startswith(az, var.region) && can(regex("^[a-j]$", trimprefix(az, var.region)))
    ])
    error_message = "azs must contain availability zones of ${var.region}, such as ${var.region}a, not local zones; got ${jsonencode(var.azs)}. Change azs or region."
  }
}

variable "enable_flow_logs" {
  description = "Whether to log the traffic of the network that the module creates, in the log bucket."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Load balancer
################################################################################

variable "acm_certificate_arn" {
  description = "ARN of the certificate of the load balancer, in the region of the stack. If set, the load balancer serves TLS and redirects port 80. If empty, it serves plain HTTP."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = (
      can(regex(local.certificate_pattern, var.acm_certificate_arn)) &&
      (!strcontains(var.acm_certificate_arn, ":acm:") || strcontains(var.acm_certificate_arn, ":acm:${var.region}:"))
    )
    error_message = "acm_certificate_arn must be empty or the ARN of an ACM certificate in ${var.region} or of an IAM server certificate; got \"${var.acm_certificate_arn}\". Set acm_certificate_arn to a certificate of this region."
  }
}

variable "enable_tls" {
  description = "Whether to serve TLS on port 443. If null, true if acm_certificate_arn is not empty. Set it to true if the ARN is known only after apply."
  type        = bool
  default     = null
}

variable "alb_domain_name" {
  description = "Host name of the certificate, for the output alb_url only. Create its DNS record with the target alb_dns_name. If empty, alb_url contains the DNS name of the load balancer."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+)?$", var.alb_domain_name))
    error_message = "alb_domain_name must be empty or a full host name in lower case; got \"${var.alb_domain_name}\". Set alb_domain_name to a name such as llm.example.com, without scheme or path."
  }
}

variable "allow_plaintext_alb" {
  description = "Whether to allow plain HTTP without a certificate. Keys and prompts then cross the internet unencrypted."
  type        = bool
  default     = false
  nullable    = false
}

variable "waf_web_acl_arn" {
  description = "ARN of an AWS WAF web ACL for the load balancer, in the region of the stack. If empty, no web ACL. Rules that limit the size of a request body reject long prompts."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws(-[a-z]+)*:wafv2:[a-z0-9-]+:[0-9]{12}:regional/webacl/.+)?$", var.waf_web_acl_arn))
    error_message = "waf_web_acl_arn must be empty or the ARN of a regional web ACL; got \"${var.waf_web_acl_arn}\". Set waf_web_acl_arn to the ARN of a regional ACL, not of an ACL for CloudFront."
  }
}

variable "enable_waf" {
  description = "Whether to associate the web ACL with the load balancer. If null, true if waf_web_acl_arn is not empty. Set it to true if the ARN is known only after apply."
  type        = bool
  default     = null
}

variable "drop_invalid_headers" {
  description = "Whether to drop request headers with names that contain other characters than letters, digits and hyphens, for example underscores."
  type        = bool
  default     = true
  nullable    = false
}

variable "alb_deletion_protection" {
  description = "Whether to protect the load balancer from deletion, which would change its DNS name. Apply false before a destroy."
  type        = bool
  default     = false
  nullable    = false
}

variable "extra_gateway_paths" {
  description = "Additional paths of the gateway, such as pass-through endpoints: exact (/a/b) or all paths below (/a/b/*), before the files of a dashboard page with the same path. At most 60."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = (
      length(var.extra_gateway_paths) <= 60 &&
      length(distinct(var.extra_gateway_paths)) == length(var.extra_gateway_paths)
    )
    error_message = "extra_gateway_paths must have at most 60 entries, each once, because the number of load balancer rules is limited; got ${length(var.extra_gateway_paths)}: ${jsonencode(var.extra_gateway_paths)}. Replace several entries of extra_gateway_paths with one prefix."
  }

  validation {
    condition = alltrue([
      for path in var.extra_gateway_paths :
      can(regex("^(/[A-Za-z0-9._~@:+$&'-]+)+(/[*])?$", path)) && length(path) <= 128
    ])
    error_message = "extra_gateway_paths must contain exact paths (/a/b) or prefixes (/a/b/*) of at most 128 characters; got ${jsonencode(var.extra_gateway_paths)}. Use \"*\" in extra_gateway_paths at the end only, and only after \"/\"."
  }

  validation {
    condition = !anytrue(flatten([
      for path in var.extra_gateway_paths : [
        for ui in ["/ui", "/_next", "/assets", "/litellm-asset-prefix", "/favicon.ico"] :
        path == ui || startswith(path, "${ui}/")
      ]
    ]))
    error_message = "extra_gateway_paths must not contain paths of the UI (/, /ui, /_next, /assets, /litellm-asset-prefix, /favicon.ico); got ${jsonencode(var.extra_gateway_paths)}. Remove these paths from extra_gateway_paths."
  }
}

variable "request_timeout_seconds" {
  description = "Idle timeout of the load balancer in seconds. Long streams need a long timeout. A stopped task has the same time, at most ten minutes, for its streams."
  type        = number
  default     = 3600
  nullable    = false

  validation {
    condition = (
      var.request_timeout_seconds >= 1 &&
      var.request_timeout_seconds <= 3600 &&
      floor(var.request_timeout_seconds) == var.request_timeout_seconds
    )
    error_message = "request_timeout_seconds must be an integer from 1 to 3600; got ${var.request_timeout_seconds}. Set request_timeout_seconds to a number in this range."
  }
}

################################################################################
# Compute
################################################################################

variable "gateway_cpu" {
  description = "CPU units of a gateway task: 1024 units are one vCPU."
  type        = number
  default     = 1024
  nullable    = false

  validation {
    condition     = contains(keys(local.fargate_memory), tostring(var.gateway_cpu))
    error_message = "gateway_cpu must be 256, 512, 1024, 2048, 4096, 8192 or 16384, the sizes of Fargate; got ${var.gateway_cpu}. Set gateway_cpu to one of these sizes."
  }
}

variable "gateway_memory" {
  description = "Memory of a gateway task in MiB. Fargate restricts it by gateway_cpu."
  type        = number
  default     = 4096
  nullable    = false

  validation {
    condition     = contains(lookup(local.fargate_memory, tostring(var.gateway_cpu), [var.gateway_memory]), var.gateway_memory)
    error_message = "gateway_memory must be a size that Fargate supports with gateway_cpu = ${var.gateway_cpu} (${join(", ", lookup(local.fargate_memory, tostring(var.gateway_cpu), []))} MiB); got ${var.gateway_memory}. Change gateway_memory or gateway_cpu."
  }
}

variable "gateway_desired_count" {
  description = "Number of gateway containers without autoscaling. With autoscaling, the initial number."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition = (
      var.gateway_desired_count >= 0 &&
      floor(var.gateway_desired_count) == var.gateway_desired_count
    )
    error_message = "gateway_desired_count must be an integer of at least 0; got ${var.gateway_desired_count}. Set gateway_desired_count to the number of containers."
  }
}

variable "gateway_num_workers" {
  description = "Number of Uvicorn workers of each gateway container."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.gateway_num_workers >= 1 &&
      floor(var.gateway_num_workers) == var.gateway_num_workers
    )
    error_message = "gateway_num_workers must be an integer of at least 1; got ${var.gateway_num_workers}. Set gateway_num_workers to about one for each vCPU of gateway_cpu."
  }
}

variable "gateway_autoscaling_enabled" {
  description = "Whether to scale the number of gateway containers with the load. If false, the number is gateway_desired_count."
  type        = bool
  default     = true
  nullable    = false
}

variable "gateway_min_capacity" {
  description = "Minimum number of gateway tasks with autoscaling."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.gateway_min_capacity >= 1 &&
      floor(var.gateway_min_capacity) == var.gateway_min_capacity
    )
    error_message = "gateway_min_capacity must be an integer of at least 1, because a service without tasks does not scale out; got ${var.gateway_min_capacity}. Increase gateway_min_capacity to 1 or more."
  }
}

variable "gateway_max_capacity" {
  description = "Maximum number of gateway tasks with autoscaling."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition = (
      var.gateway_max_capacity >= var.gateway_min_capacity &&
      floor(var.gateway_max_capacity) == var.gateway_max_capacity
    )
    error_message = "gateway_max_capacity must be an integer of at least gateway_min_capacity = ${var.gateway_min_capacity}; got ${var.gateway_max_capacity}. Increase gateway_max_capacity, or decrease gateway_min_capacity."
  }
}

variable "gateway_cpu_target" {
  description = "Target of the average CPU utilization of gateway autoscaling in percent. If 0, no CPU policy."
  type        = number
  default     = 70
  nullable    = false

  validation {
    condition = (
      var.gateway_cpu_target == 0 ||
      (var.gateway_cpu_target >= 10 && var.gateway_cpu_target <= 90)
    )
    error_message = "gateway_cpu_target must be 0 or from 10 to 90; got ${var.gateway_cpu_target}. Set gateway_cpu_target to 0 for no CPU policy."
  }
}

variable "gateway_memory_target" {
  description = "Target of the average memory utilization of gateway autoscaling in percent. If 0, no memory policy."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition = (
      var.gateway_memory_target == 0 ||
      (var.gateway_memory_target >= 10 && var.gateway_memory_target <= 90)
    )
    error_message = "gateway_memory_target must be 0 or from 10 to 90; got ${var.gateway_memory_target}. Set gateway_memory_target to 0 for no memory policy."
  }
}

variable "backend_cpu" {
  description = "CPU units of a backend task: 1024 units are one vCPU."
  type        = number
  default     = 1024
  nullable    = false

  validation {
    condition     = contains(keys(local.fargate_memory), tostring(var.backend_cpu))
    error_message = "backend_cpu must be 256, 512, 1024, 2048, 4096, 8192 or 16384, the sizes of Fargate; got ${var.backend_cpu}. Set backend_cpu to one of these sizes."
  }
}

variable "backend_memory" {
  description = "Memory of a backend task in MiB. Fargate restricts it by backend_cpu."
  type        = number
  default     = 4096
  nullable    = false

  validation {
    condition     = contains(lookup(local.fargate_memory, tostring(var.backend_cpu), [var.backend_memory]), var.backend_memory)
    error_message = "backend_memory must be a size that Fargate supports with backend_cpu = ${var.backend_cpu} (${join(", ", lookup(local.fargate_memory, tostring(var.backend_cpu), []))} MiB); got ${var.backend_memory}. Change backend_memory or backend_cpu."
  }
}

variable "backend_desired_count" {
  description = "Number of backend containers without autoscaling. With autoscaling, the initial number."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.backend_desired_count >= 0 &&
      floor(var.backend_desired_count) == var.backend_desired_count
    )
    error_message = "backend_desired_count must be an integer of at least 0; got ${var.backend_desired_count}. Set backend_desired_count to the number of containers."
  }
}

variable "backend_autoscaling_enabled" {
  description = "Whether to scale the number of backend containers with the load. If false, the number is backend_desired_count."
  type        = bool
  default     = true
  nullable    = false
}

variable "backend_min_capacity" {
  description = "Minimum number of backend tasks with autoscaling."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.backend_min_capacity >= 1 &&
      floor(var.backend_min_capacity) == var.backend_min_capacity
    )
    error_message = "backend_min_capacity must be an integer of at least 1, because a service without tasks does not scale out; got ${var.backend_min_capacity}. Increase backend_min_capacity to 1 or more."
  }
}

variable "backend_max_capacity" {
  description = "Maximum number of backend tasks with autoscaling."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition = (
      var.backend_max_capacity >= var.backend_min_capacity &&
      floor(var.backend_max_capacity) == var.backend_max_capacity
    )
    error_message = "backend_max_capacity must be an integer of at least backend_min_capacity = ${var.backend_min_capacity}; got ${var.backend_max_capacity}. Increase backend_max_capacity, or decrease backend_min_capacity."
  }
}

variable "backend_cpu_target" {
  description = "Target of the average CPU utilization of backend autoscaling in percent. If 0, no CPU policy."
  type        = number
  default     = 70
  nullable    = false

  validation {
    condition = (
      var.backend_cpu_target == 0 ||
      (var.backend_cpu_target >= 10 && var.backend_cpu_target <= 90)
    )
    error_message = "backend_cpu_target must be 0 or from 10 to 90; got ${var.backend_cpu_target}. Set backend_cpu_target to 0 for no CPU policy."
  }
}

variable "backend_memory_target" {
  description = "Target of the average memory utilization of backend autoscaling in percent. If 0, no memory policy."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition = (
      var.backend_memory_target == 0 ||
      (var.backend_memory_target >= 10 && var.backend_memory_target <= 90)
    )
    error_message = "backend_memory_target must be 0 or from 10 to 90; got ${var.backend_memory_target}. Set backend_memory_target to 0 for no memory policy."
  }
}

variable "ui_cpu" {
  description = "CPU units of a UI task: 1024 units are one vCPU."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = contains(keys(local.fargate_memory), tostring(var.ui_cpu))
    error_message = "ui_cpu must be 256, 512, 1024, 2048, 4096, 8192 or 16384, the sizes of Fargate; got ${var.ui_cpu}. Set ui_cpu to one of these sizes."
  }
}

variable "ui_memory" {
  description = "Memory of a UI task in MiB. Fargate restricts it by ui_cpu."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = contains(lookup(local.fargate_memory, tostring(var.ui_cpu), [var.ui_memory]), var.ui_memory)
    error_message = "ui_memory must be a size that Fargate supports with ui_cpu = ${var.ui_cpu} (${join(", ", lookup(local.fargate_memory, tostring(var.ui_cpu), []))} MiB); got ${var.ui_memory}. Change ui_memory or ui_cpu."
  }
}

variable "ui_desired_count" {
  description = "Number of UI containers without autoscaling. With autoscaling, the initial number."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.ui_desired_count >= 0 &&
      floor(var.ui_desired_count) == var.ui_desired_count
    )
    error_message = "ui_desired_count must be an integer of at least 0; got ${var.ui_desired_count}. Set ui_desired_count to the number of containers."
  }
}

variable "ui_autoscaling_enabled" {
  description = "Whether to scale the number of UI containers with the load. If false, the number is ui_desired_count."
  type        = bool
  default     = false
  nullable    = false
}

variable "ui_min_capacity" {
  description = "Minimum number of UI tasks with autoscaling."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.ui_min_capacity >= 1 &&
      floor(var.ui_min_capacity) == var.ui_min_capacity
    )
    error_message = "ui_min_capacity must be an integer of at least 1, because a service without tasks does not scale out; got ${var.ui_min_capacity}. Increase ui_min_capacity to 1 or more."
  }
}

variable "ui_max_capacity" {
  description = "Maximum number of UI tasks with autoscaling."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition = (
      var.ui_max_capacity >= var.ui_min_capacity &&
      floor(var.ui_max_capacity) == var.ui_max_capacity
    )
    error_message = "ui_max_capacity must be an integer of at least ui_min_capacity = ${var.ui_min_capacity}; got ${var.ui_max_capacity}. Increase ui_max_capacity, or decrease ui_min_capacity."
  }
}

variable "ui_cpu_target" {
  description = "Target of the average CPU utilization of UI autoscaling in percent. If 0, no CPU policy."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition = (
      var.ui_cpu_target == 0 ||
      (var.ui_cpu_target >= 10 && var.ui_cpu_target <= 90)
    )
    error_message = "ui_cpu_target must be 0 or from 10 to 90; got ${var.ui_cpu_target}. Set ui_cpu_target to 0 for no CPU policy."
  }
}

variable "ui_memory_target" {
  description = "Target of the average memory utilization of UI autoscaling in percent. If 0, no memory policy."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition = (
      var.ui_memory_target == 0 ||
      (var.ui_memory_target >= 10 && var.ui_memory_target <= 90)
    )
    error_message = "ui_memory_target must be 0 or from 10 to 90; got ${var.ui_memory_target}. Set ui_memory_target to 0 for no memory policy."
  }
}

################################################################################
# Database
################################################################################

variable "create_database" {
  description = "Whether to create the database. If false, database_url selects an external database. Without database_url the proxy has no database."
  type        = bool
  default     = true
  nullable    = false
}

variable "database_url" {
  description = "Connection URL of an external PostgreSQL database (postgresql://...). Requires create_database = false. If empty, the proxy has only the database that the module creates."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = can(regex("^(postgres(ql)?://.+)?$", var.database_url))
    error_message = "database_url must be empty or begin with postgresql://; the value does not (it is not shown). Set database_url to a URL such as postgresql://user:password@host:5432/name."
  }

  validation {
    condition     = var.database_url == "" || !var.create_database
    error_message = "database_url must be empty while create_database is true; got a value (it is not shown). Set create_database = false to use an external database."
  }

  validation {
    condition     = var.database_url == "" || contains(var.provided_credentials, "database_url")
    error_message = "database_url must be empty unless provided_credentials contains \"database_url\"; got a value (it is not shown). Add \"database_url\" to provided_credentials, so that a later apply without the value fails."
  }

  validation {
    condition     = var.database_url != "" || !contains(var.provided_credentials, "database_url")
    error_message = "database_url must not be empty while provided_credentials contains \"database_url\", because apply would replace or delete the stored value; got \"\". Set database_url, for example with TF_VAR_database_url, or remove it from provided_credentials."
  }
}

variable "create_read_replica" {
  description = "Whether to create a read replica of the database that the module creates. The proxy then reads from the replica."
  type        = bool
  default     = true
  nullable    = false
}

variable "db_instance_class" {
  description = "Instance class of the Aurora writer, and of the reader without a class of its own."
  type        = string
  default     = "db.r6g.large"
  nullable    = false

  validation {
    condition     = can(regex("^db[.][a-z0-9]+[.][a-z0-9]+$", var.db_instance_class))
    error_message = "db_instance_class must be a provisioned Aurora class such as db.r6g.large; got \"${var.db_instance_class}\". Set db_instance_class to a class that Aurora PostgreSQL supports; the module does not support serverless."
  }
}

variable "db_reader_instance_class" {
  description = "Instance class of the read replica. If empty, db_instance_class. Aurora may promote the replica, so it should be as large as the writer."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(db[.][a-z0-9]+[.][a-z0-9]+)?$", var.db_reader_instance_class))
    error_message = "db_reader_instance_class must be empty or a provisioned Aurora class such as db.r6g.large; got \"${var.db_reader_instance_class}\". Set db_reader_instance_class to a class that Aurora PostgreSQL supports; the module does not support serverless."
  }
}

variable "db_engine_version" {
  description = "Aurora PostgreSQL version. If only the major version is set (16), AWS selects and upgrades the minor version."
  type        = string
  default     = "16.8"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]([.][0-9]+)?$", var.db_engine_version))
    error_message = "db_engine_version must be a PostgreSQL version such as 16.8 or 16; got \"${var.db_engine_version}\". Set db_engine_version to major or major.minor."
  }
}

variable "db_name" {
  description = "Name of the database of the proxy in the database server that the module creates. It can not change after the first apply."
  type        = string
  default     = "litellm"
  nullable    = false

  validation {
    condition = (
      can(regex("^[a-z][a-z0-9_]{0,62}$", var.db_name)) &&
      !contains(["postgres", "template0", "template1", "rdsadmin", "cloudsqladmin"], var.db_name)
    )
    error_message = "db_name must be 1 to 63 characters of a-z, 0-9 and _, starting with a letter, and not postgres, template0, template1, rdsadmin or cloudsqladmin; got \"${var.db_name}\". Change db_name."
  }

  validation {
    condition     = !contains(local.sql_keywords, var.db_name)
    error_message = "db_name must not be a reserved key word of PostgreSQL, which RDS refuses; got \"${var.db_name}\". Change db_name."
  }
}

variable "db_master_username" {
  description = "Master user of the cluster. Only the database bootstrap uses it. RDS stores and rotates its password. It can not change after the first apply."
  type        = string
  default     = "postgres"
  nullable    = false

  validation {
    condition = (
      can(regex("^[a-z][a-z0-9_]{0,62}$", var.db_master_username)) &&
      !can(regex("^(pg_|rds)", var.db_master_username))
    )
    error_message = "db_master_username must be 1 to 63 characters of a-z, 0-9 and _, starting with a letter, and must not begin with pg_ or rds, which the engine reserves; got \"${var.db_master_username}\". Change db_master_username."
  }

  validation {
    condition     = !contains(concat(["admin"], local.sql_keywords), var.db_master_username)
    error_message = "db_master_username must not be admin or a reserved key word of PostgreSQL, which RDS refuses; got \"${var.db_master_username}\". Change db_master_username."
  }
}

variable "db_username" {
  description = "Database user of the proxy and of the migrations, with IAM authentication. Another user takes the tables over."
  type        = string
  default     = "litellm_app"
  nullable    = false

  validation {
    condition = (
      can(regex("^[a-z_][a-z0-9_]{0,62}$", var.db_username)) &&
      !can(regex("^(postgres$|pg_|rds|cloudsql)", var.db_username))
    )
    error_message = "db_username must be 1 to 63 characters of a-z, 0-9 and _, starting with a letter or _, not postgres and not starting with pg_, rds or cloudsql, which the engines reserve; got \"${var.db_username}\". Change db_username."
  }

  validation {
    condition     = var.db_username != var.db_master_username
    error_message = "db_username must differ from db_master_username, because the proxy must not use the master user; got \"${var.db_username}\" for both. Change db_username."
  }
}

variable "db_backup_retention_days" {
  description = "Retention period of automatic database backups in days: 1 to 35."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition = (
      var.db_backup_retention_days >= 1 &&
      var.db_backup_retention_days <= 35 &&
      floor(var.db_backup_retention_days) == var.db_backup_retention_days
    )
    error_message = "db_backup_retention_days must be an integer from 1 to 35; got ${var.db_backup_retention_days}. Set db_backup_retention_days to a number in this range."
  }
}

variable "db_restore_snapshot" {
  description = "Identifier or ARN of the cluster snapshot from which the database is created. If empty, no snapshot. It has an effect only when the cluster is created."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-zA-Z][a-zA-Z0-9:-]{0,254})?$", var.db_restore_snapshot))
    error_message = "db_restore_snapshot must be empty or the identifier or ARN of a cluster snapshot; got \"${var.db_restore_snapshot}\". Set db_restore_snapshot to a snapshot of the region."
  }

  validation {
    condition     = var.db_restore_snapshot == "" || var.create_database
    error_message = "db_restore_snapshot must be empty with create_database = false; got \"${var.db_restore_snapshot}\". Set create_database = true, or remove db_restore_snapshot."
  }
}

variable "db_restore_source" {
  description = "Identifier or ARN of the cluster from which the database is created, as it was at db_restore_time. If empty, no cluster. It has an effect only when the cluster is created."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-zA-Z][a-zA-Z0-9:-]{0,254})?$", var.db_restore_source))
    error_message = "db_restore_source must be empty or the identifier or ARN of an Aurora cluster; got \"${var.db_restore_source}\". Set db_restore_source to a cluster of the region."
  }

  validation {
    condition     = var.db_restore_source == "" || var.create_database
    error_message = "db_restore_source must be empty with create_database = false; got \"${var.db_restore_source}\". Set create_database = true, or remove db_restore_source."
  }

  validation {
    condition     = var.db_restore_source == "" || var.db_restore_snapshot == ""
    error_message = "db_restore_source must be empty with db_restore_snapshot, because a database has one origin; got \"${var.db_restore_source}\" and \"${var.db_restore_snapshot}\". Remove one of the two."
  }
}

variable "db_restore_time" {
  description = "Point in time in UTC, such as 2026-01-31T08:00:00Z, to which db_restore_source is restored. If empty, the latest time. Requires db_restore_source."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$", var.db_restore_time))
    error_message = "db_restore_time must be empty or a time in UTC such as 2026-01-31T08:00:00Z; got \"${var.db_restore_time}\". Write db_restore_time in this form."
  }

  validation {
    condition     = var.db_restore_time == "" || var.db_restore_source != ""
    error_message = "db_restore_time must be empty without db_restore_source; got \"${var.db_restore_time}\". Set db_restore_source to the cluster to restore, or remove db_restore_time."
  }
}

variable "enable_db_audit_logs" {
  description = "Whether to log connections, schema changes, lock waits and statements of more than a second of the database. The logs do not contain query parameters."
  type        = bool
  default     = true
  nullable    = false
}

variable "db_monitoring_interval" {
  description = "Interval of enhanced monitoring of the database in seconds: 1, 5, 10, 15, 30 or 60. If 0, no enhanced monitoring."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = contains([0, 1, 5, 10, 15, 30, 60], var.db_monitoring_interval)
    error_message = "db_monitoring_interval must be 0, 1, 5, 10, 15, 30 or 60; got ${var.db_monitoring_interval}. Set db_monitoring_interval to one of these values."
  }
}

variable "db_deletion_protection" {
  description = "Whether to protect the database from deletion. Apply false before a destroy. True prevents data loss."
  type        = bool
  default     = true
  nullable    = false
}

variable "skip_final_snapshot" {
  description = "Whether to skip the final snapshot of the database on destroy. False prevents data loss."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Cache
################################################################################

variable "create_redis" {
  description = "Whether to create Redis. If false, redis_url selects an external Redis. Without Redis each process counts rate limits on its own."
  type        = bool
  default     = true
  nullable    = false
}

variable "redis_url" {
  description = "Connection URL of an external Redis (redis:// or rediss://). Requires create_redis = false. If empty, the proxy has only the Redis that the module creates."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = can(regex("^(rediss?://.+)?$", var.redis_url))
    error_message = "redis_url must be empty or begin with redis:// or rediss://; the value does not (it is not shown). Set redis_url to a URL such as rediss://:password@host:6379."
  }

  validation {
    condition     = var.redis_url == "" || !var.create_redis
    error_message = "redis_url must be empty while create_redis is true; got a value (it is not shown). Set create_redis = false to use an external Redis."
  }

  validation {
    condition     = var.redis_url == "" || contains(var.provided_credentials, "redis_url")
    error_message = "redis_url must be empty unless provided_credentials contains \"redis_url\"; got a value (it is not shown). Add \"redis_url\" to provided_credentials, so that a later apply without the value fails."
  }

  validation {
    condition     = var.redis_url != "" || !contains(var.provided_credentials, "redis_url")
    error_message = "redis_url must not be empty while provided_credentials contains \"redis_url\", because apply would replace or delete the stored value; got \"\". Set redis_url, for example with TF_VAR_redis_url, or remove it from provided_credentials."
  }
}

variable "redis_node_type" {
  description = "Node type of ElastiCache."
  type        = string
  default     = "cache.t4g.small"
  nullable    = false

  validation {
    condition     = can(regex("^cache[.][a-z0-9]+[.][a-z0-9]+$", var.redis_node_type))
    error_message = "redis_node_type must be an ElastiCache node type such as cache.t4g.small; got \"${var.redis_node_type}\". Set redis_node_type to a type that ElastiCache supports."
  }
}

variable "redis_num_replicas" {
  description = "Number of replicas of the primary Redis node: 0 to 5. With one or more, failover is automatic."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.redis_num_replicas >= 0 &&
      var.redis_num_replicas <= 5 &&
      floor(var.redis_num_replicas) == var.redis_num_replicas
    )
    error_message = "redis_num_replicas must be an integer from 0 to 5; got ${var.redis_num_replicas}. Set redis_num_replicas to a number in this range."
  }
}

################################################################################
# Object store
################################################################################

variable "s3_force_destroy" {
  description = "Whether to delete all objects in the data bucket on destroy. If false, a destroy fails unless the bucket is empty."
  type        = bool
  default     = false
  nullable    = false
}

variable "store_request_logs" {
  description = "Whether LiteLLM writes a record of each request, with prompt and response, to the data bucket. LiteLLM reads prompts back from there for its sessions."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Configuration
################################################################################

variable "proxy_config" {
  description = "LiteLLM configuration file as a map (model_list, litellm_settings, general_settings, router_settings, ...). The module adds the coordination Redis."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.proxy_config))
    error_message = "proxy_config must be a map like config.yaml of LiteLLM; the value is not a map. Set proxy_config to { model_list = [...] }, or to yamldecode(file(...))."
  }
}

variable "proxy_config_files" {
  description = "Contents of the files beside the LiteLLM configuration file, by path, such as the Python modules of callbacks and custom_auth. They are stored in the configuration bucket and in the state."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name, content in var.proxy_config_files :
      can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$", name)) && content != null
    ])
    error_message = "proxy_config_files must map relative paths of letters, digits, _, . and - to contents; got the paths ${jsonencode(keys(var.proxy_config_files))}. Rename the invalid path in proxy_config_files, or remove the null content."
  }

  validation {
    condition     = !contains(keys(var.proxy_config_files), local.config_name)
    error_message = "proxy_config_files must not contain ${local.config_name}, the path of the configuration file; got the paths ${jsonencode(keys(var.proxy_config_files))}. Rename the file, or set proxy_config."
  }
}

variable "gateway_extra_env" {
  description = "Additional environment variables of the gateway. They override defaults of the same name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name, value in var.gateway_extra_env :
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && value != null
    ])
    error_message = "gateway_extra_env must map environment variable names (letters, digits and _, not starting with a digit) to strings; got the names ${jsonencode(keys(var.gateway_extra_env))}. Rename the invalid variable in gateway_extra_env, or remove the null value."
  }
}

variable "backend_extra_env" {
  description = "Additional environment variables of the backend. They override defaults of the same name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name, value in var.backend_extra_env :
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && value != null
    ])
    error_message = "backend_extra_env must map environment variable names (letters, digits and _, not starting with a digit) to strings; got the names ${jsonencode(keys(var.backend_extra_env))}. Rename the invalid variable in backend_extra_env, or remove the null value."
  }
}

variable "gateway_extra_secrets" {
  description = "Additional environment variables of the gateway, as ARNs of secrets (with an optional :json-key:stage:version) or of parameters. They override all other variables of the same name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name in keys(var.gateway_extra_secrets) :
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))
    ])
    error_message = "gateway_extra_secrets must map environment variable names (letters, digits and _, not starting with a digit) to ARNs; got the names ${jsonencode(keys(var.gateway_extra_secrets))}. Rename the invalid variable in gateway_extra_secrets."
  }

  validation {
    condition = alltrue([
      for arn in values(var.gateway_extra_secrets) :
      can(regex(local.secret_pattern, arn))
    ])
    error_message = "gateway_extra_secrets must contain ARNs of secrets (optionally with :json-key:stage:version, in which each part may be empty) or of parameters; got another form for ${jsonencode([for name, arn in var.gateway_extra_secrets : name if !can(regex(local.secret_pattern, arn))])} (not shown). Set each value of gateway_extra_secrets to the full ARN, not to the secret value."
  }
}

variable "backend_extra_secrets" {
  description = "Additional environment variables of the backend, as ARNs of secrets (with an optional :json-key:stage:version) or of parameters. They override all other variables of the same name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name in keys(var.backend_extra_secrets) :
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))
    ])
    error_message = "backend_extra_secrets must map environment variable names (letters, digits and _, not starting with a digit) to ARNs; got the names ${jsonencode(keys(var.backend_extra_secrets))}. Rename the invalid variable in backend_extra_secrets."
  }

  validation {
    condition = alltrue([
      for arn in values(var.backend_extra_secrets) :
      can(regex(local.secret_pattern, arn))
    ])
    error_message = "backend_extra_secrets must contain ARNs of secrets (optionally with :json-key:stage:version, in which each part may be empty) or of parameters; got another form for ${jsonencode([for name, arn in var.backend_extra_secrets : name if !can(regex(local.secret_pattern, arn))])} (not shown). Set each value of backend_extra_secrets to the full ARN, not to the secret value."
  }
}

################################################################################
# Migrations
################################################################################

variable "run_migrations" {
  description = "Whether to run the database bootstrap and the migrations during apply. Requires bash and the AWS CLI on the machine that runs Terraform. If false, run the commands of the outputs database_bootstrap_command and migration_run_command."
  type        = bool
  default     = true
  nullable    = false
}

variable "wait_for_services" {
  description = "Whether apply waits until the services run their new tasks, and fails if they do not. The next apply then retries. It does not wait if run_migrations is false."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Observability
################################################################################

variable "otel_endpoint" {
  description = "OpenTelemetry endpoint of gateway and backend. If empty, no OpenTelemetry."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^((https?://)?[^[:space:]/]+(/[^[:space:]]*)?)?$", var.otel_endpoint))
    error_message = "otel_endpoint must be empty or a host or URL without spaces; got \"${var.otel_endpoint}\". Set otel_endpoint to a URL such as https://otel.example.com:4318."
  }
}

variable "otel_exporter" {
  description = "OpenTelemetry exporter: otlp_http, otlp_grpc or console."
  type        = string
  default     = "otlp_http"
  nullable    = false

  validation {
    condition     = contains(["otlp_http", "otlp_grpc", "console"], var.otel_exporter)
    error_message = "otel_exporter must be otlp_http, otlp_grpc or console; got \"${var.otel_exporter}\". Set otel_exporter to one of the three."
  }
}

variable "otel_environment_name" {
  description = "Environment name in the telemetry. If empty, env."
  type        = string
  default     = ""
  nullable    = false
}

variable "otel_capture_message_content" {
  description = "Content of prompts and responses in the telemetry: no_content, span_only, event_only or span_and_event."
  type        = string
  default     = "no_content"
  nullable    = false

  validation {
    condition     = contains(["no_content", "span_only", "event_only", "span_and_event"], var.otel_capture_message_content)
    error_message = "otel_capture_message_content must be no_content, span_only, event_only or span_and_event; got \"${var.otel_capture_message_content}\". Set otel_capture_message_content to one of the four."
  }
}

variable "otel_headers_secret_arn" {
  description = "ARN of the secret (with an optional :json-key:stage:version) or parameter with the headers of the exporter. If empty, no headers. Requires otel_endpoint."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = (
      var.otel_headers_secret_arn == "" ||
      can(regex(local.secret_pattern, var.otel_headers_secret_arn))
    )
    error_message = "otel_headers_secret_arn must be empty or the ARN of a secret (optionally with :json-key:stage:version) or of a parameter; got another form (not shown). Set otel_headers_secret_arn to the full ARN, not to the secret value."
  }
}

variable "enable_access_logs" {
  description = "Whether to log requests to the load balancer and to the buckets, in the log bucket."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_retention_days" {
  description = "Retention period of logs in days. If 0, logs do not expire."
  type        = number
  default     = 365
  nullable    = false

  # The retention periods that the API accepts (CloudWatch Logs, PutRetentionPolicy).
  validation {
    condition = contains([
      0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096,
      1827, 2192, 2557, 2922, 3288, 3653,
    ], var.log_retention_days)
    error_message = "log_retention_days must be 0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653, the periods of CloudWatch; got ${var.log_retention_days}. Set log_retention_days to one of these."
  }
}
