################################################################################
# Identity
################################################################################

variable "project" {
  description = "Id, not number, of the Google Cloud project of all resources."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project id: 6 to 30 lower-case letters, digits and hyphens, starting with a letter and not ending in a hyphen; got \"${var.project}\". Set project to the id that `gcloud projects list` shows."
  }
}

variable "region" {
  description = "Region of the stack."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,16}-[a-z]{4,16}[0-9]{1,2}$", var.region))
    error_message = "region must be the name of a Google Cloud region, such as us-central1; got \"${var.region}\". Set region to a region, not to a zone."
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

variable "labels" {
  description = "Labels of all resources that support labels, in addition to litellm-stack and managed-by. At most 60."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.labels) <= 60
    error_message = "labels must have at most 60 entries, because Google Cloud allows 64 on a resource and stack and provider add others; got ${length(var.labels)}. Remove entries from labels."
  }

  validation {
    condition = alltrue([
      for key in keys(var.labels) :
      can(regex("^[a-z][a-z0-9_-]{0,62}$", key))
    ])
    error_message = "labels must have keys of 1 to 63 characters of a-z, 0-9, _ and -, starting with a letter; got ${jsonencode(keys(var.labels))}. Rename the invalid key in labels."
  }

  validation {
    condition = alltrue([
      for value in values(var.labels) :
      can(regex("^[a-z0-9_-]{1,63}$", value))
    ])
    error_message = "labels must have values of 1 to 63 characters of a-z, 0-9, _ and -, because every plan would set a label without a value again; got ${jsonencode(var.labels)}. Change the invalid value in labels, for example to true."
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

variable "kms_key_name" {
  description = "Name of a KMS key in the region of the stack, for the encryption of database, Redis, buckets, secrets, containers and image proxy. If empty, keys that Google manages. Set it before the first apply: a change replaces database, Redis and image proxy, and fails for secrets."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = (
      can(regex(local.kms_key_pattern, var.kms_key_name)) &&
      (var.kms_key_name == "" || strcontains(var.kms_key_name, "/locations/${var.region}/"))
    )
    error_message = "kms_key_name must be empty or the name of a KMS key in ${var.region}; got \"${var.kms_key_name}\". Set kms_key_name to projects/PROJECT/locations/${var.region}/keyRings/RING/cryptoKeys/KEY, without a version."
  }
}

################################################################################
# Images
################################################################################

variable "image_registry" {
  description = "Registry and namespace of the component images, without a trailing slash. Cloud Run does not pull from ghcr.io: see create_image_proxy."
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

variable "create_image_proxy" {
  description = "Whether to create an Artifact Registry remote repository of ghcr.io and to pull the images of ghcr.io through it."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Network
################################################################################

variable "create_network" {
  description = "Whether to create the network. If null, true if network is empty. Set it to false if network is known only after apply."
  type        = bool
  default     = null

  validation {
    condition     = var.create_network == null ? true : var.create_network == (var.network == "")
    error_message = "create_network must be true without network and false with it; got create_network = ${var.create_network == null ? "null" : var.create_network} and network = \"${var.network}\". Leave create_network unset, or change network."
  }
}

variable "network" {
  description = "Self link, id or name of an existing network in the project of the stack. If empty, the module creates a network."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = can(regex(
      join("", [
        "^((https://[a-z.]+/compute/v1/)?projects/[^/]+/global/networks/)?",
        "[a-z]([a-z0-9-]{0,61}[a-z0-9])?$|^$",
      ]),
      var.network
    ))
    error_message = "network must be a name, projects/PROJECT/global/networks/NAME or a self link; got \"${var.network}\". Set network to the self_link, id or name of the google_compute_network."
  }

  validation {
    condition = try(
      contains([var.project], regex("projects/([^/]+)/", var.network)[0])
      || can(regex("projects/[0-9]+/", var.network)),
      true
    )
    error_message = "network must be in project ${var.project}, because the connector of Cloud Run must be in the project of its network; got \"${var.network}\". Set network to a network of ${var.project}."
  }
}

variable "create_psa_connection" {
  description = "Whether to create private services access in the network. Set it to false if the existing network has private services access."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.create_psa_connection || var.network != "" || var.create_network == false
    error_message = "create_psa_connection must be true if network is empty; got false. Leave create_psa_connection unset, or set network to a network with private services access."
  }
}

variable "vpc_access" {
  description = "Path of the services to private addresses: connector (Serverless VPC Access, in vpc_connector_cidr) or direct (Direct VPC egress, in subnet_cidr)."
  type        = string
  default     = "connector"
  nullable    = false

  validation {
    condition     = contains(["connector", "direct"], var.vpc_access)
    error_message = "vpc_access must be connector or direct; got \"${var.vpc_access}\". Set vpc_access to one of the two."
  }
}

variable "subnet_cidr" {
  description = "Unused IPv4 range of the subnet that the module creates, in its own network or for vpc_access = \"direct\". A wider range with the same first address changes the subnet in place. A range with another first address must not overlap with the old one."
  type        = string
  default     = "10.40.0.0/16"
  nullable    = false

  validation {
    condition = try(
      cidrhost(var.subnet_cidr, 0) == split("/", var.subnet_cidr)[0]
      && tonumber(split("/", var.subnet_cidr)[1]) >= 8
      && tonumber(split("/", var.subnet_cidr)[1]) <= 28,
      false
    )
    error_message = "subnet_cidr must be an IPv4 range from /8 to /28 that starts with its first address; got \"${var.subnet_cidr}\". Set subnet_cidr to a range such as 10.40.0.0/16."
  }

  validation {
    condition = (
      var.vpc_access != "direct" || try(tonumber(split("/", var.subnet_cidr)[1]) <= 26, true)
    )
    error_message = "subnet_cidr must be /26 or larger with vpc_access = \"direct\", because each instance takes addresses of the subnet; got \"${var.subnet_cidr}\". Set subnet_cidr to a larger range."
  }
}

variable "vpc_connector_cidr" {
  description = "Unused IPv4 range of the connector between Cloud Run and the network: a /28."
  type        = string
  default     = "10.41.0.0/28"
  nullable    = false

  validation {
    condition = try(
      cidrhost(var.vpc_connector_cidr, 0) == split("/", var.vpc_connector_cidr)[0]
      && endswith(var.vpc_connector_cidr, "/28"),
      false
    )
    error_message = "vpc_connector_cidr must be an IPv4 /28 that starts with its first address; got \"${var.vpc_connector_cidr}\". Set vpc_connector_cidr to a range such as 10.41.0.0/28."
  }

  # With a connector the module does not use subnet_cidr in an existing network.
  validation {
    condition = var.vpc_access != "connector" || !coalesce(var.create_network, var.network == "") || try(
      cidrhost(
        "${split("/", var.vpc_connector_cidr)[0]}/${split("/", var.subnet_cidr)[1]}", 0
      ) != cidrhost(var.subnet_cidr, 0),
      true
    )
    error_message = "vpc_connector_cidr must not overlap subnet_cidr = ${var.subnet_cidr}; got \"${var.vpc_connector_cidr}\". Set vpc_connector_cidr to an unused range."
  }
}

variable "vpc_connector_machine_type" {
  description = "Machine type of the 2 to 3 machines of the connector: f1-micro, e2-micro or e2-standard-4. A larger one has more throughput."
  type        = string
  default     = "e2-micro"
  nullable    = false

  validation {
    condition     = contains(["f1-micro", "e2-micro", "e2-standard-4"], var.vpc_connector_machine_type)
    error_message = "vpc_connector_machine_type must be f1-micro, e2-micro or e2-standard-4; got \"${var.vpc_connector_machine_type}\". Set vpc_connector_machine_type to one of the three."
  }
}

variable "enable_flow_logs" {
  description = "Whether to log the traffic of the subnets that the module creates, with a sampling rate of one half."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Load balancer
################################################################################

variable "lb_domains" {
  description = "Host names of the managed certificate. Their A records must point to the output lb_ip. If empty, the load balancer serves plain HTTP."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = (
      length(var.lb_domains) <= 100 &&
      length(distinct(var.lb_domains)) == length(var.lb_domains)
    )
    error_message = "lb_domains must have at most 100 entries, each once, the maximum of a managed certificate; got ${length(var.lb_domains)}: ${jsonencode(var.lb_domains)}. Remove entries from lb_domains."
  }

  validation {
    condition = alltrue([
      for domain in var.lb_domains :
      length(domain) <= 253 && can(regex(
        "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z]([a-z0-9-]{0,61}[a-z0-9])$", domain
      ))
    ])
    error_message = "lb_domains must contain full host names in lower case without wildcards, which a managed certificate does not support; got ${jsonencode(var.lb_domains)}. Set lb_domains to host names without scheme or path."
  }
}

variable "allow_plaintext_lb" {
  description = "Whether to allow plain HTTP if lb_domains is empty. Keys and prompts then cross the internet unencrypted."
  type        = bool
  default     = false
  nullable    = false
}

variable "security_policy" {
  description = "Id or name of a Cloud Armor security policy for the services. If empty, no policy. Rules against injection can reject prompts."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex(local.security_policy_pattern, var.security_policy))
    error_message = "security_policy must be empty or the id or name of a global security policy; got \"${var.security_policy}\". Set security_policy to projects/PROJECT/global/securityPolicies/NAME or NAME."
  }
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
  description = "Timeout of a request to gateway or backend in seconds. Long streams need a long timeout."
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
  description = "CPU of a gateway instance, in millicores (1000m) or cores (2). At least 1000m."
  type        = string
  default     = "1000m"
  nullable    = false

  validation {
    condition     = can(regex("^[12468](000m)?$", var.gateway_cpu))
    error_message = "gateway_cpu must be 1, 2, 4, 6 or 8 CPUs, written as 1000m or 1, because the second generation of Cloud Run, which mounts the configuration, requires one CPU; got \"${var.gateway_cpu}\". Set gateway_cpu to a value that Cloud Run supports."
  }
}

variable "gateway_memory" {
  description = "Memory of a gateway instance: 512Mi or more."
  type        = string
  default     = "4Gi"
  nullable    = false

  validation {
    condition = try(
      tonumber(regex("^([1-9][0-9]*)(?:Mi|Gi)$", var.gateway_memory)[0])
      * (endswith(var.gateway_memory, "Gi") ? 1024 : 1)
      >= (
        can(regex("^[68](000m)?$", var.gateway_cpu)) ? 4096
        : can(regex("^4(000m)?$", var.gateway_cpu)) ? 2048 : 512
      ),
      false
    )
    error_message = "gateway_memory must be in Mi or Gi: 512Mi or more, 2Gi with 4 CPUs, 4Gi with 6 or 8; got \"${var.gateway_memory}\" with gateway_cpu = ${var.gateway_cpu}. Increase gateway_memory, or decrease gateway_cpu."
  }
}

variable "gateway_desired_count" {
  description = "Number of gateway containers without autoscaling."
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

variable "gateway_min_instances" {
  description = "Minimum number of gateway instances with autoscaling."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.gateway_min_instances >= 0 &&
      floor(var.gateway_min_instances) == var.gateway_min_instances
    )
    error_message = "gateway_min_instances must be an integer of at least 0; got ${var.gateway_min_instances}. Set gateway_min_instances to 0 to scale to zero, or to a larger number."
  }
}

variable "gateway_max_instances" {
  description = "Maximum number of gateway instances with autoscaling."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition = (
      var.gateway_max_instances >= max(1, var.gateway_min_instances) &&
      floor(var.gateway_max_instances) == var.gateway_max_instances
    )
    error_message = "gateway_max_instances must be an integer of at least 1 and of at least gateway_min_instances = ${var.gateway_min_instances}; got ${var.gateway_max_instances}. Increase gateway_max_instances, or decrease gateway_min_instances."
  }
}

variable "gateway_max_instance_request_concurrency" {
  description = "Maximum number of concurrent requests to one gateway instance."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition = (
      var.gateway_max_instance_request_concurrency >= 1 &&
      var.gateway_max_instance_request_concurrency <= 1000 &&
      floor(var.gateway_max_instance_request_concurrency) == var.gateway_max_instance_request_concurrency
    )
    error_message = "gateway_max_instance_request_concurrency must be an integer from 1 to 1000; got ${var.gateway_max_instance_request_concurrency}. Set gateway_max_instance_request_concurrency to a number in this range."
  }
}

variable "backend_cpu" {
  description = "CPU of a backend instance, in millicores (1000m) or cores (2). At least 1000m."
  type        = string
  default     = "1000m"
  nullable    = false

  validation {
    condition     = can(regex("^[12468](000m)?$", var.backend_cpu))
    error_message = "backend_cpu must be 1, 2, 4, 6 or 8 CPUs, written as 1000m or 1, because the second generation of Cloud Run, which mounts the configuration, requires one CPU; got \"${var.backend_cpu}\". Set backend_cpu to a value that Cloud Run supports."
  }
}

variable "backend_memory" {
  description = "Memory of a backend instance: 512Mi or more."
  type        = string
  default     = "4Gi"
  nullable    = false

  validation {
    condition = try(
      tonumber(regex("^([1-9][0-9]*)(?:Mi|Gi)$", var.backend_memory)[0])
      * (endswith(var.backend_memory, "Gi") ? 1024 : 1)
      >= (
        can(regex("^[68](000m)?$", var.backend_cpu)) ? 4096
        : can(regex("^4(000m)?$", var.backend_cpu)) ? 2048 : 512
      ),
      false
    )
    error_message = "backend_memory must be in Mi or Gi: 512Mi or more, 2Gi with 4 CPUs, 4Gi with 6 or 8; got \"${var.backend_memory}\" with backend_cpu = ${var.backend_cpu}. Increase backend_memory, or decrease backend_cpu."
  }
}

variable "backend_desired_count" {
  description = "Number of backend containers without autoscaling."
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

variable "backend_min_instances" {
  description = "Minimum number of backend instances with autoscaling."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.backend_min_instances >= 0 &&
      floor(var.backend_min_instances) == var.backend_min_instances
    )
    error_message = "backend_min_instances must be an integer of at least 0; got ${var.backend_min_instances}. Set backend_min_instances to 0 to scale to zero, or to a larger number."
  }
}

variable "backend_max_instances" {
  description = "Maximum number of backend instances with autoscaling."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition = (
      var.backend_max_instances >= max(1, var.backend_min_instances) &&
      floor(var.backend_max_instances) == var.backend_max_instances
    )
    error_message = "backend_max_instances must be an integer of at least 1 and of at least backend_min_instances = ${var.backend_min_instances}; got ${var.backend_max_instances}. Increase backend_max_instances, or decrease backend_min_instances."
  }
}

variable "backend_max_instance_request_concurrency" {
  description = "Maximum number of concurrent requests to one backend instance."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition = (
      var.backend_max_instance_request_concurrency >= 1 &&
      var.backend_max_instance_request_concurrency <= 1000 &&
      floor(var.backend_max_instance_request_concurrency) == var.backend_max_instance_request_concurrency
    )
    error_message = "backend_max_instance_request_concurrency must be an integer from 1 to 1000; got ${var.backend_max_instance_request_concurrency}. Set backend_max_instance_request_concurrency to a number in this range."
  }
}

variable "ui_cpu" {
  description = "CPU of a UI instance, in millicores (1000m) or cores (2)."
  type        = string
  default     = "1000m"
  nullable    = false

  validation {
    condition     = can(regex("^(([89][0-9]|[1-9][0-9]{2})m|[12468](000m)?)$", var.ui_cpu))
    error_message = "ui_cpu must be 80m to 999m, or 1, 2, 4, 6 or 8 CPUs, written as 1000m or 1; got \"${var.ui_cpu}\". Set ui_cpu to a value that Cloud Run supports."
  }
}

variable "ui_memory" {
  description = "Memory of a UI instance: 512Mi or more."
  type        = string
  default     = "512Mi"
  nullable    = false

  validation {
    condition = try(
      tonumber(regex("^([1-9][0-9]*)(?:Mi|Gi)$", var.ui_memory)[0])
      * (endswith(var.ui_memory, "Gi") ? 1024 : 1)
      >= (
        can(regex("^[68](000m)?$", var.ui_cpu)) ? 4096
        : can(regex("^4(000m)?$", var.ui_cpu)) ? 2048 : 512
      ),
      false
    )
    error_message = "ui_memory must be in Mi or Gi: 512Mi or more, 2Gi with 4 CPUs, 4Gi with 6 or 8; got \"${var.ui_memory}\" with ui_cpu = ${var.ui_cpu}. Increase ui_memory, or decrease ui_cpu."
  }
}

variable "ui_desired_count" {
  description = "Number of UI containers without autoscaling."
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
  default     = true
  nullable    = false
}

variable "ui_min_instances" {
  description = "Minimum number of UI instances with autoscaling."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.ui_min_instances >= 0 &&
      floor(var.ui_min_instances) == var.ui_min_instances
    )
    error_message = "ui_min_instances must be an integer of at least 0; got ${var.ui_min_instances}. Set ui_min_instances to 0 to scale to zero, or to a larger number."
  }
}

variable "ui_max_instances" {
  description = "Maximum number of UI instances with autoscaling."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition = (
      var.ui_max_instances >= max(1, var.ui_min_instances) &&
      floor(var.ui_max_instances) == var.ui_max_instances
    )
    error_message = "ui_max_instances must be an integer of at least 1 and of at least ui_min_instances = ${var.ui_min_instances}; got ${var.ui_max_instances}. Increase ui_max_instances, or decrease ui_min_instances."
  }
}

variable "ui_max_instance_request_concurrency" {
  description = "Maximum number of concurrent requests to one UI instance."
  type        = number
  default     = 200
  nullable    = false

  validation {
    condition = (
      var.ui_max_instance_request_concurrency >= 1 &&
      var.ui_max_instance_request_concurrency <= 1000 &&
      floor(var.ui_max_instance_request_concurrency) == var.ui_max_instance_request_concurrency
    )
    error_message = "ui_max_instance_request_concurrency must be an integer from 1 to 1000; got ${var.ui_max_instance_request_concurrency}. Set ui_max_instance_request_concurrency to a number in this range."
  }

  validation {
    condition = (
      !can(regex("^[0-9]{1,3}m$", var.ui_cpu)) ||
      var.ui_max_instance_request_concurrency == 1
    )
    error_message = "ui_max_instance_request_concurrency must be 1 with less than one CPU; got ${var.ui_max_instance_request_concurrency} with ui_cpu = ${var.ui_cpu}. Set ui_max_instance_request_concurrency to 1, or increase ui_cpu to 1000m."
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

variable "db_tier" {
  description = "Machine type of the Cloud SQL instances."
  type        = string
  default     = "db-custom-2-7680"
  nullable    = false

  validation {
    condition = can(regex(
      var.db_edition == "ENTERPRISE_PLUS"
      ? "^db-(perf-optimized|c4a)-"
      : "^db-(custom-|f1-micro$|g1-small$)",
      var.db_tier
    ))
    error_message = "db_tier must be db-custom-* (or db-f1-micro, db-g1-small) with ENTERPRISE and db-perf-optimized-* or db-c4a-* with ENTERPRISE_PLUS; got \"${var.db_tier}\" with ${var.db_edition}. Change db_tier or db_edition."
  }
}

variable "db_reader_tier" {
  description = "Machine type of the read replica. If empty, db_tier. To increase db_tier, increase db_reader_tier in an apply before."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = var.db_reader_tier == "" || can(regex(
      var.db_edition == "ENTERPRISE_PLUS"
      ? "^db-(perf-optimized|c4a)-"
      : "^db-(custom-|f1-micro$|g1-small$)",
      var.db_reader_tier
    ))
    error_message = "db_reader_tier must be empty or a machine type of ${var.db_edition}, as db_tier; got \"${var.db_reader_tier}\". Change db_reader_tier or db_edition."
  }

  validation {
    condition = try(
      tonumber(regex("^db-custom-[0-9]+-([0-9]+)$", var.db_reader_tier)[0])
      >= tonumber(regex("^db-custom-[0-9]+-([0-9]+)$", var.db_tier)[0]),
      true
    )
    error_message = "db_reader_tier must have at least the memory of db_tier = ${var.db_tier}, because PostgreSQL stops a replica with fewer connections than its primary; got \"${var.db_reader_tier}\". Increase db_reader_tier, or leave it empty."
  }
}

variable "db_edition" {
  description = "Edition of Cloud SQL: ENTERPRISE or ENTERPRISE_PLUS."
  type        = string
  default     = "ENTERPRISE"
  nullable    = false

  validation {
    condition     = contains(["ENTERPRISE", "ENTERPRISE_PLUS"], var.db_edition)
    error_message = "db_edition must be ENTERPRISE or ENTERPRISE_PLUS; got \"${var.db_edition}\". Set db_edition to one of the two."
  }
}

variable "db_version" {
  description = "Version of PostgreSQL."
  type        = string
  default     = "POSTGRES_16"
  nullable    = false

  validation {
    condition     = can(regex("^POSTGRES_[1-9][0-9]$", var.db_version))
    error_message = "db_version must look like POSTGRES_16; got \"${var.db_version}\". Set db_version to a version that Cloud SQL supports."
  }
}

variable "db_name" {
  description = "Name of the database of the proxy in the database server that the module creates."
  type        = string
  default     = "litellm"
  nullable    = false

  validation {
    condition = (
      can(regex("^[a-z_][a-z0-9_]{0,62}$", var.db_name)) &&
      !contains(["postgres", "template0", "template1", "rdsadmin", "cloudsqladmin"], var.db_name)
    )
    error_message = "db_name must be 1 to 63 characters of a-z, 0-9 and _, starting with a letter or _, and not postgres, template0, template1, rdsadmin or cloudsqladmin; got \"${var.db_name}\". Change db_name."
  }
}

variable "db_username" {
  description = "Database user of the proxy and of the migrations, with password authentication."
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

variable "db_disk_size" {
  description = "Size of the disks of the database in GB, when they are created. They grow automatically. A restored database needs at least the size of the disk of its origin."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.db_disk_size >= 20 && var.db_disk_size <= 65536 && floor(var.db_disk_size) == var.db_disk_size
    error_message = "db_disk_size must be an integer from 20 to 65536; got ${var.db_disk_size}. Set db_disk_size to a number in this range."
  }
}

variable "db_restore_snapshot" {
  description = "Backup from which the database is created: INSTANCE/BACKUP, both of the project, such as acme-litellm-prod-writer-0a1b2c3d/1767225600000. If empty, no backup. It has an effect only when the instance is created."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z][a-z0-9-]{0,96}/[1-9][0-9]{0,14})?$", var.db_restore_snapshot))
    error_message = "db_restore_snapshot must be empty or INSTANCE/BACKUP with the number of a backup; got \"${var.db_restore_snapshot}\". Set db_restore_snapshot to a backup of `gcloud sql backups list`."
  }

  validation {
    condition     = var.db_restore_snapshot == "" || var.create_database
    error_message = "db_restore_snapshot must be empty with create_database = false; got \"${var.db_restore_snapshot}\". Set create_database = true, or remove db_restore_snapshot."
  }
}

variable "db_restore_source" {
  description = "Name of the Cloud SQL instance of the project from which the database is cloned, as it was at db_restore_time. If empty, no instance. A clone stays in the network of its source, so network is required. It has an effect only when the instance is created."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z][a-z0-9-]{0,96})?$", var.db_restore_source))
    error_message = "db_restore_source must be empty or the name of a Cloud SQL instance; got \"${var.db_restore_source}\". Set db_restore_source to an instance of the project."
  }

  validation {
    condition     = var.db_restore_source == "" || var.create_database
    error_message = "db_restore_source must be empty with create_database = false; got \"${var.db_restore_source}\". Set create_database = true, or remove db_restore_source."
  }

  validation {
    condition     = var.db_restore_source == "" || var.db_restore_snapshot == ""
    error_message = "db_restore_source must be empty with db_restore_snapshot, because a database has one origin; got \"${var.db_restore_source}\" and \"${var.db_restore_snapshot}\". Remove one of the two."
  }

  validation {
    condition     = var.db_restore_source == "" || var.network != "" || var.create_network == false
    error_message = "db_restore_source must be empty without network, because a clone stays in the network of its source; got \"${var.db_restore_source}\". Set network to the network of the instance, or use db_restore_snapshot."
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
    error_message = "db_restore_time must be empty without db_restore_source; got \"${var.db_restore_time}\". Set db_restore_source to the instance to restore, or remove db_restore_time."
  }
}

variable "db_password_version" {
  description = "Version of the generated database password. Increase it by one, in an apply of its own, to change the password. New connections may fail until the services have restarted."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.db_password_version >= 1 && floor(var.db_password_version) == var.db_password_version
    error_message = "db_password_version must be an integer of at least 1; got ${var.db_password_version}. Increase the previous db_password_version by one."
  }
}

variable "enable_db_audit_logs" {
  description = "Whether to log connections, schema changes and lock waits of the database. The logs do not contain query parameters."
  type        = bool
  default     = true
  nullable    = false
}

variable "cloudsql_deletion_protection" {
  description = "Whether to protect the Cloud SQL instances from deletion by Terraform. Apply false before a destroy. True prevents data loss."
  type        = bool
  default     = true
  nullable    = false
}

variable "skip_final_snapshot" {
  description = "Whether to skip the final backup of the database on destroy, and to delete its other backups. False prevents data loss."
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

variable "redis_tier" {
  description = "Tier of Memorystore: STANDARD_HA, with a replica, or BASIC."
  type        = string
  default     = "STANDARD_HA"
  nullable    = false

  validation {
    condition     = contains(["STANDARD_HA", "BASIC"], var.redis_tier)
    error_message = "redis_tier must be STANDARD_HA or BASIC; got \"${var.redis_tier}\". Set redis_tier to one of the two."
  }
}

variable "redis_memory_size_gb" {
  description = "Memory of the Memorystore instance in GiB."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.redis_memory_size_gb >= 1 &&
      var.redis_memory_size_gb <= 300 &&
      floor(var.redis_memory_size_gb) == var.redis_memory_size_gb
    )
    error_message = "redis_memory_size_gb must be an integer from 1 to 300; got ${var.redis_memory_size_gb}. Set redis_memory_size_gb to a number in this range."
  }
}

################################################################################
# Object store
################################################################################

variable "gcs_force_destroy" {
  description = "Whether to delete all objects in the data bucket on destroy. If false, a destroy fails unless the bucket is empty."
  type        = bool
  default     = false
  nullable    = false
}

variable "store_request_logs" {
  description = "Whether LiteLLM writes a record of each request, with prompt and response, to the data bucket. Requires litellm_license."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.store_request_logs || contains(var.provided_credentials, "litellm_license")
    error_message = "store_request_logs must be false without litellm_license, because LiteLLM writes to Cloud Storage only with an enterprise license; got true. Set litellm_license and add it to provided_credentials, or set store_request_logs = false."
  }
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
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && !can(regex("^(PORT$|K_)", name)) && value != null
    ])
    error_message = "gateway_extra_env must map environment variable names (letters, digits and _, not starting with a digit, and neither PORT nor K_*, which Cloud Run sets) to strings; got the names ${jsonencode(keys(var.gateway_extra_env))}. Rename the invalid variable in gateway_extra_env, or remove the null value."
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
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && !can(regex("^(PORT$|K_)", name)) && value != null
    ])
    error_message = "backend_extra_env must map environment variable names (letters, digits and _, not starting with a digit, and neither PORT nor K_*, which Cloud Run sets) to strings; got the names ${jsonencode(keys(var.backend_extra_env))}. Rename the invalid variable in backend_extra_env, or remove the null value."
  }
}

variable "gateway_extra_secrets" {
  description = "Additional environment variables of the gateway, as secrets: projects/PROJECT/secrets/NAME, or the id of a secret in the project of the stack. The latest version applies. They override all other variables of the same name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name in keys(var.gateway_extra_secrets) :
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && !can(regex("^(PORT$|K_)", name))
    ])
    error_message = "gateway_extra_secrets must map environment variable names (letters, digits and _, not starting with a digit, and neither PORT nor K_*, which Cloud Run sets) to secrets; got the names ${jsonencode(keys(var.gateway_extra_secrets))}. Rename the invalid variable in gateway_extra_secrets."
  }

  validation {
    condition = alltrue([
      for id in values(var.gateway_extra_secrets) :
      can(regex(local.secret_pattern, id))
    ])
    error_message = "gateway_extra_secrets must contain ids of secrets as projects/PROJECT/secrets/NAME or NAME, without /versions/; got another form for ${jsonencode([for name, id in var.gateway_extra_secrets : name if !can(regex(local.secret_pattern, id))])} (not shown). Set each value of gateway_extra_secrets to the id of the secret, not to the secret value."
  }
}

variable "backend_extra_secrets" {
  description = "Additional environment variables of the backend, as secrets: projects/PROJECT/secrets/NAME, or the id of a secret in the project of the stack. The latest version applies. They override all other variables of the same name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name in keys(var.backend_extra_secrets) :
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && !can(regex("^(PORT$|K_)", name))
    ])
    error_message = "backend_extra_secrets must map environment variable names (letters, digits and _, not starting with a digit, and neither PORT nor K_*, which Cloud Run sets) to secrets; got the names ${jsonencode(keys(var.backend_extra_secrets))}. Rename the invalid variable in backend_extra_secrets."
  }

  validation {
    condition = alltrue([
      for id in values(var.backend_extra_secrets) :
      can(regex(local.secret_pattern, id))
    ])
    error_message = "backend_extra_secrets must contain ids of secrets as projects/PROJECT/secrets/NAME or NAME, without /versions/; got another form for ${jsonencode([for name, id in var.backend_extra_secrets : name if !can(regex(local.secret_pattern, id))])} (not shown). Set each value of backend_extra_secrets to the id of the secret, not to the secret value."
  }
}

################################################################################
# Migrations
################################################################################

variable "run_migrations" {
  description = "Whether to run the migrations during apply. Requires bash and the gcloud CLI on the machine that runs Terraform. If false, run the command of the output migration_run_command."
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

variable "otel_headers_secret" {
  description = "Secret with the headers of the exporter: projects/PROJECT/secrets/NAME, or the id of a secret in the project of the stack. If empty, no headers. Requires otel_endpoint."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = (
      var.otel_headers_secret == "" ||
      can(regex(local.secret_pattern, var.otel_headers_secret))
    )
    error_message = "otel_headers_secret must be empty or the id of a secret as projects/PROJECT/secrets/NAME or NAME, without /versions/; got another form (not shown). Set otel_headers_secret to the id of the secret, not to the secret value."
  }
}

variable "enable_access_logs" {
  description = "Whether to log requests to the load balancer, in Cloud Logging, and to the buckets, in the log bucket for a year."
  type        = bool
  default     = true
  nullable    = false
}
