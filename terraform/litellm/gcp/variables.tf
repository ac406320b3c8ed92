################################################################################
# Identity
################################################################################

variable "project" {
  description = "Id of the Google Cloud project that takes every resource. The id, not the number."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project id: 6 to 30 lower-case letters, digits and hyphens, beginning with a letter and not ending in a hyphen; got \"${var.project}\". Give the id that `gcloud projects list` shows."
  }
}

variable "region" {
  description = "Region of the stack."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be the name of a Google Cloud region, such as us-central1; got \"${var.region}\". Write the region, not a zone."
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

variable "labels" {
  description = "Labels for every resource that takes them, on top of litellm-stack and managed-by. At most 60."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.labels) <= 60
    error_message = "labels must have at most 60 entries, for Google Cloud takes 64 on a resource and the stack and the provider add their own; got ${length(var.labels)}. Remove some."
  }

  validation {
    condition = alltrue([
      for key in keys(var.labels) :
      can(regex("^[a-z][a-z0-9_-]{0,62}$", key))
    ])
    error_message = "labels must have keys of 1 to 63 characters of a-z, 0-9, _ and -, beginning with a letter; got ${jsonencode(keys(var.labels))}. Rename the odd one."
  }

  validation {
    condition = alltrue([
      for value in values(var.labels) :
      can(regex("^[a-z0-9_-]{0,63}$", value))
    ])
    error_message = "labels must have values of at most 63 characters of a-z, 0-9, _ and -; got ${jsonencode(var.labels)}. Shorten the odd one or replace the other characters."
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
  description = "Raise it by one whenever a credential or connection URL given here changes: the new values are written and the services restarted. A master key that was made stays; the database's password is made anew."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.secrets_version >= 1 && floor(var.secrets_version) == var.secrets_version
    error_message = "secrets_version must be a whole number from 1; got ${var.secrets_version}. Raise the last number by one."
  }
}

variable "kms_key_name" {
  description = "Key of yours, in the stack's region, that database, Redis, buckets, secrets, containers and image proxy are encrypted with. Empty: Google's own keys. Give it before the first apply: database, Redis and image proxy would be replaced, and a secret can not be, under its name."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = (
      can(regex("^(projects/[a-z0-9.:-]+/locations/[a-z0-9-]+/keyRings/[A-Za-z0-9_-]{1,63}/cryptoKeys/[A-Za-z0-9_-]{1,63})?$", var.kms_key_name)) &&
      (var.kms_key_name == "" || strcontains(var.kms_key_name, "/locations/${var.region}/"))
    )
    error_message = "kms_key_name must be empty or the name of a KMS key in ${var.region}; got \"${var.kms_key_name}\". Give it as projects/PROJECT/locations/${var.region}/keyRings/RING/cryptoKeys/KEY, without a version."
  }
}

################################################################################
# Images
################################################################################

variable "image_registry" {
  description = "Registry and namespace of the component images, without the last slash. Cloud Run does not pull from ghcr.io: see create_image_proxy."
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

variable "create_image_proxy" {
  description = "Whether the module makes an Artifact Registry remote repository of ghcr.io and pulls the images of ghcr.io through it."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Network
################################################################################

variable "create_network" {
  description = "Whether the module makes the network. Null: it does when network is empty. Set it to false when network is known only after apply."
  type        = bool
  default     = null

  validation {
    condition     = var.create_network == null ? true : var.create_network == (var.network == "")
    error_message = "create_network must be true without network and false with it; got create_network = ${var.create_network == null ? "null" : var.create_network} and network = \"${var.network}\". Leave create_network unset, or mend network."
  }
}

variable "network" {
  description = "Existing network of the stack's project to use, by self link, id or name. Empty: the module makes one."
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
    error_message = "network must be a name, projects/PROJECT/global/networks/NAME or a self link; got \"${var.network}\". Give the self_link, id or name of the google_compute_network."
  }

  validation {
    condition = try(
      contains([var.project], regex("projects/([^/]+)/", var.network)[0])
      || can(regex("projects/[0-9]+/", var.network)),
      true
    )
    error_message = "network must be of project ${var.project}; got \"${var.network}\": the connector of Cloud Run is made in the network's own project. Give a network of ${var.project}."
  }
}

variable "create_psa_connection" {
  description = "Whether the module gives the network private services access. False when the given network has it already."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.create_psa_connection || var.network != "" || var.create_network == false
    error_message = "create_psa_connection must be true where the module makes the network, and it is false. Leave it out, or give a network that has private services access."
  }
}

variable "subnet_cidr" {
  description = "Range of the subnet in the network the module makes."
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
    error_message = "subnet_cidr must be an IPv4 range from /8 to /28, written by its first address; got \"${var.subnet_cidr}\". Write it as 10.40.0.0/16."
  }
}

variable "vpc_connector_cidr" {
  description = "Unused range of the connector between Cloud Run and the network. It must be a /28."
  type        = string
  default     = "10.41.0.0/28"
  nullable    = false

  validation {
    condition = try(
      cidrhost(var.vpc_connector_cidr, 0) == split("/", var.vpc_connector_cidr)[0]
      && endswith(var.vpc_connector_cidr, "/28"),
      false
    )
    error_message = "vpc_connector_cidr must be an IPv4 /28, written by its first address; got \"${var.vpc_connector_cidr}\". Write it as 10.41.0.0/28."
  }

  # subnet_cidr is of no account in a given network.
  validation {
    condition = !coalesce(var.create_network, var.network == "") || try(
      cidrhost(
        "${split("/", var.vpc_connector_cidr)[0]}/${split("/", var.subnet_cidr)[1]}", 0
      ) != cidrhost(var.subnet_cidr, 0),
      true
    )
    error_message = "vpc_connector_cidr must lie outside of subnet_cidr = ${var.subnet_cidr}; got \"${var.vpc_connector_cidr}\". Choose a range of its own."
  }
}

variable "enable_flow_logs" {
  description = "Whether the traffic of the module's own network is logged, half of it sampled."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Load balancer
################################################################################

variable "lb_domains" {
  description = "Host names to serve over TLS with a managed certificate; their A records must point to the output lb_ip."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = (
      length(var.lb_domains) <= 100 &&
      length(distinct(var.lb_domains)) == length(var.lb_domains)
    )
    error_message = "lb_domains must have at most 100 entries, each once, for a managed certificate takes no more; got ${length(var.lb_domains)}: ${jsonencode(var.lb_domains)}. Drop some."
  }

  validation {
    condition = alltrue([
      for domain in var.lb_domains :
      length(domain) <= 253 && can(regex(
        "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z]([a-z0-9-]{0,61}[a-z0-9])$", domain
      ))
    ])
    error_message = "lb_domains must hold full host names in lower case and no wildcards, which a managed certificate does not take; got ${jsonencode(var.lb_domains)}. Name each host, without scheme or path."
  }
}

variable "allow_plaintext_lb" {
  description = "Whether the stack may serve plain HTTP when there are no lb_domains. Keys and prompts then cross the internet unencrypted."
  type        = bool
  default     = false
  nullable    = false
}

variable "security_policy" {
  description = "Security policy of Cloud Armor to put before the services, by its id or name. Mind what prompts hold: rules against injections refuse some."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^((https://[a-z.]+/compute/v1/)?(projects/[a-z0-9.:-]+/global/securityPolicies/)?[a-z]([-a-z0-9]{0,61}[a-z0-9])?)?$", var.security_policy))
    error_message = "security_policy must be empty or the id or name of a global security policy; got \"${var.security_policy}\". Give it as projects/PROJECT/global/securityPolicies/NAME or NAME."
  }
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
  description = "Seconds that a request to gateway or backend may last before Cloud Run cuts it. Long streams need it long."
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
  description = "CPU of a gateway instance, in thousandths (1000m) or whole ones (2)."
  type        = string
  default     = "1000m"
  nullable    = false

  validation {
    condition     = can(regex("^(([89][0-9]|[1-9][0-9]{2})m|[12468](000m)?)$", var.gateway_cpu))
    error_message = "gateway_cpu must be 80m to 999m, or 1, 2, 4, 6 or 8 CPUs, written as 1000m or 1; got \"${var.gateway_cpu}\". Choose one of these: Cloud Run has no others."
  }
}

variable "gateway_memory" {
  description = "Memory of a gateway instance, 512Mi or more."
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
    error_message = "gateway_memory must be in Mi or Gi: 512Mi or more, 2Gi with 4 CPUs, 4Gi with 6 or 8; got \"${var.gateway_memory}\" with gateway_cpu = ${var.gateway_cpu}. Raise it, or lower gateway_cpu."
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

variable "gateway_min_instances" {
  description = "Fewest gateway instances under autoscaling."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.gateway_min_instances >= 0 &&
      floor(var.gateway_min_instances) == var.gateway_min_instances
    )
    error_message = "gateway_min_instances must be a whole number from 0; got ${var.gateway_min_instances}. Use 0 to scale to none when idle, or more."
  }
}

variable "gateway_max_instances" {
  description = "Most gateway instances under autoscaling."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition = (
      var.gateway_max_instances >= max(1, var.gateway_min_instances) &&
      floor(var.gateway_max_instances) == var.gateway_max_instances
    )
    error_message = "gateway_max_instances must be a whole number from 1, not below gateway_min_instances = ${var.gateway_min_instances}; got ${var.gateway_max_instances}. Raise it or lower the minimum."
  }
}

variable "gateway_max_instance_request_concurrency" {
  description = "Requests that one gateway instance serves at a time."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition = (
      var.gateway_max_instance_request_concurrency >= 1 &&
      var.gateway_max_instance_request_concurrency <= 1000 &&
      floor(var.gateway_max_instance_request_concurrency) == var.gateway_max_instance_request_concurrency
    )
    error_message = "gateway_max_instance_request_concurrency must be a whole number from 1 to 1000; got ${var.gateway_max_instance_request_concurrency}. Choose one in that range."
  }

  validation {
    condition = (
      !can(regex("^[0-9]{1,3}m$", var.gateway_cpu)) ||
      var.gateway_max_instance_request_concurrency == 1
    )
    error_message = "gateway_max_instance_request_concurrency must be 1 with less than one CPU; got ${var.gateway_max_instance_request_concurrency} with gateway_cpu = ${var.gateway_cpu}. Lower it to 1, or raise gateway_cpu to 1000m."
  }
}

variable "backend_cpu" {
  description = "CPU of a backend instance, in thousandths (1000m) or whole ones (2)."
  type        = string
  default     = "1000m"
  nullable    = false

  validation {
    condition     = can(regex("^(([89][0-9]|[1-9][0-9]{2})m|[12468](000m)?)$", var.backend_cpu))
    error_message = "backend_cpu must be 80m to 999m, or 1, 2, 4, 6 or 8 CPUs, written as 1000m or 1; got \"${var.backend_cpu}\". Choose one of these: Cloud Run has no others."
  }
}

variable "backend_memory" {
  description = "Memory of a backend instance, 512Mi or more."
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
    error_message = "backend_memory must be in Mi or Gi: 512Mi or more, 2Gi with 4 CPUs, 4Gi with 6 or 8; got \"${var.backend_memory}\" with backend_cpu = ${var.backend_cpu}. Raise it, or lower backend_cpu."
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
    error_message = "backend_desired_count must be a whole number from 0; got ${var.backend_desired_count}. Write the number of containers."
  }
}

variable "backend_autoscaling_enabled" {
  description = "Whether the number of backend containers follows the load. When not, backend_desired_count holds."
  type        = bool
  default     = true
  nullable    = false
}

variable "backend_min_instances" {
  description = "Fewest backend instances under autoscaling."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.backend_min_instances >= 0 &&
      floor(var.backend_min_instances) == var.backend_min_instances
    )
    error_message = "backend_min_instances must be a whole number from 0; got ${var.backend_min_instances}. Use 0 to scale to none when idle, or more."
  }
}

variable "backend_max_instances" {
  description = "Most backend instances under autoscaling."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition = (
      var.backend_max_instances >= max(1, var.backend_min_instances) &&
      floor(var.backend_max_instances) == var.backend_max_instances
    )
    error_message = "backend_max_instances must be a whole number from 1, not below backend_min_instances = ${var.backend_min_instances}; got ${var.backend_max_instances}. Raise it or lower the minimum."
  }
}

variable "backend_max_instance_request_concurrency" {
  description = "Requests that one backend instance serves at a time."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition = (
      var.backend_max_instance_request_concurrency >= 1 &&
      var.backend_max_instance_request_concurrency <= 1000 &&
      floor(var.backend_max_instance_request_concurrency) == var.backend_max_instance_request_concurrency
    )
    error_message = "backend_max_instance_request_concurrency must be a whole number from 1 to 1000; got ${var.backend_max_instance_request_concurrency}. Choose one in that range."
  }

  validation {
    condition = (
      !can(regex("^[0-9]{1,3}m$", var.backend_cpu)) ||
      var.backend_max_instance_request_concurrency == 1
    )
    error_message = "backend_max_instance_request_concurrency must be 1 with less than one CPU; got ${var.backend_max_instance_request_concurrency} with backend_cpu = ${var.backend_cpu}. Lower it to 1, or raise backend_cpu to 1000m."
  }
}

variable "ui_cpu" {
  description = "CPU of a UI instance, in thousandths (1000m) or whole ones (2)."
  type        = string
  default     = "1000m"
  nullable    = false

  validation {
    condition     = can(regex("^(([89][0-9]|[1-9][0-9]{2})m|[12468](000m)?)$", var.ui_cpu))
    error_message = "ui_cpu must be 80m to 999m, or 1, 2, 4, 6 or 8 CPUs, written as 1000m or 1; got \"${var.ui_cpu}\". Choose one of these: Cloud Run has no others."
  }
}

variable "ui_memory" {
  description = "Memory of a UI instance, 512Mi or more."
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
    error_message = "ui_memory must be in Mi or Gi: 512Mi or more, 2Gi with 4 CPUs, 4Gi with 6 or 8; got \"${var.ui_memory}\" with ui_cpu = ${var.ui_cpu}. Raise it, or lower ui_cpu."
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
    error_message = "ui_desired_count must be a whole number from 0; got ${var.ui_desired_count}. Write the number of containers."
  }
}

variable "ui_autoscaling_enabled" {
  description = "Whether the number of UI containers follows the load. When not, ui_desired_count holds."
  type        = bool
  default     = true
  nullable    = false
}

variable "ui_min_instances" {
  description = "Fewest UI instances under autoscaling."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.ui_min_instances >= 0 &&
      floor(var.ui_min_instances) == var.ui_min_instances
    )
    error_message = "ui_min_instances must be a whole number from 0; got ${var.ui_min_instances}. Use 0 to scale to none when idle, or more."
  }
}

variable "ui_max_instances" {
  description = "Most UI instances under autoscaling."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition = (
      var.ui_max_instances >= max(1, var.ui_min_instances) &&
      floor(var.ui_max_instances) == var.ui_max_instances
    )
    error_message = "ui_max_instances must be a whole number from 1, not below ui_min_instances = ${var.ui_min_instances}; got ${var.ui_max_instances}. Raise it or lower the minimum."
  }
}

variable "ui_max_instance_request_concurrency" {
  description = "Requests that one UI instance serves at a time."
  type        = number
  default     = 200
  nullable    = false

  validation {
    condition = (
      var.ui_max_instance_request_concurrency >= 1 &&
      var.ui_max_instance_request_concurrency <= 1000 &&
      floor(var.ui_max_instance_request_concurrency) == var.ui_max_instance_request_concurrency
    )
    error_message = "ui_max_instance_request_concurrency must be a whole number from 1 to 1000; got ${var.ui_max_instance_request_concurrency}. Choose one in that range."
  }

  validation {
    condition = (
      !can(regex("^[0-9]{1,3}m$", var.ui_cpu)) ||
      var.ui_max_instance_request_concurrency == 1
    )
    error_message = "ui_max_instance_request_concurrency must be 1 with less than one CPU; got ${var.ui_max_instance_request_concurrency} with ui_cpu = ${var.ui_cpu}. Lower it to 1, or raise ui_cpu to 1000m."
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
    error_message = "db_tier must be db-custom-* (or db-f1-micro, db-g1-small) with ENTERPRISE and db-perf-optimized-* or db-c4a-* with ENTERPRISE_PLUS; got \"${var.db_tier}\" with ${var.db_edition}. Change one of the two."
  }
}

variable "db_edition" {
  description = "Edition of Cloud SQL: ENTERPRISE or ENTERPRISE_PLUS."
  type        = string
  default     = "ENTERPRISE"
  nullable    = false

  validation {
    condition     = contains(["ENTERPRISE", "ENTERPRISE_PLUS"], var.db_edition)
    error_message = "db_edition must be ENTERPRISE or ENTERPRISE_PLUS; got \"${var.db_edition}\". Choose one of the two."
  }
}

variable "db_version" {
  description = "Version of PostgreSQL."
  type        = string
  default     = "POSTGRES_16"
  nullable    = false

  validation {
    condition     = can(regex("^POSTGRES_[1-9][0-9]$", var.db_version))
    error_message = "db_version must look like POSTGRES_16; got \"${var.db_version}\". Give a version of PostgreSQL that Cloud SQL has."
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

variable "db_username" {
  description = "User the proxy and the migrations sign in as, by password."
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
  description = "Whether the module's database logs connections, changes of the schema and waits for locks; not the values that LiteLLM passes."
  type        = bool
  default     = true
  nullable    = false
}

variable "cloudsql_deletion_protection" {
  description = "Whether Terraform refuses to delete the Cloud SQL instances; apply false before a destroy. True is the safe side."
  type        = bool
  default     = true
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

variable "redis_tier" {
  description = "Tier of Memorystore: STANDARD_HA, with a replica, or BASIC."
  type        = string
  default     = "STANDARD_HA"
  nullable    = false

  validation {
    condition     = contains(["STANDARD_HA", "BASIC"], var.redis_tier)
    error_message = "redis_tier must be STANDARD_HA or BASIC; got \"${var.redis_tier}\". Choose one of the two."
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
    error_message = "redis_memory_size_gb must be a whole number from 1 to 300; got ${var.redis_memory_size_gb}. Choose one in that range."
  }
}

################################################################################
# Object store
################################################################################

variable "gcs_force_destroy" {
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
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && !can(regex("^(PORT$|K_)", name)) && value != null
    ])
    error_message = "gateway_extra_env must map environment names (letters, digits and _, not beginning with a digit, and neither PORT nor K_*, which Cloud Run sets) to strings; got the names ${jsonencode(keys(var.gateway_extra_env))}. Rename the odd one, or drop the null."
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
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && !can(regex("^(PORT$|K_)", name)) && value != null
    ])
    error_message = "backend_extra_env must map environment names (letters, digits and _, not beginning with a digit, and neither PORT nor K_*, which Cloud Run sets) to strings; got the names ${jsonencode(keys(var.backend_extra_env))}. Rename the odd one, or drop the null."
  }
}

variable "gateway_extra_secrets" {
  description = "Further environment of the gateway from Secret Manager, by projects/PROJECT/secrets/NAME or the id of a secret in the stack's project, at its latest version; replaces anything of the same name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name in keys(var.gateway_extra_secrets) :
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && !can(regex("^(PORT$|K_)", name))
    ])
    error_message = "gateway_extra_secrets must map environment names (letters, digits and _, not beginning with a digit, and neither PORT nor K_*, which Cloud Run sets) to secrets; got the names ${jsonencode(keys(var.gateway_extra_secrets))}. Rename the odd one."
  }

  validation {
    condition = alltrue([
      for id in values(var.gateway_extra_secrets) :
      can(regex(local.secret_pattern, id))
    ])
    error_message = "gateway_extra_secrets must hold ids of secrets, as projects/PROJECT/secrets/NAME or NAME, with no /versions/ at the end; got another form for ${jsonencode([for name, id in var.gateway_extra_secrets : name if !can(regex(local.secret_pattern, id))])} (not shown). Give the secret's id, never the value."
  }
}

variable "backend_extra_secrets" {
  description = "Further environment of the backend from Secret Manager, by projects/PROJECT/secrets/NAME or the id of a secret in the stack's project, at its latest version; replaces anything of the same name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name in keys(var.backend_extra_secrets) :
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && !can(regex("^(PORT$|K_)", name))
    ])
    error_message = "backend_extra_secrets must map environment names (letters, digits and _, not beginning with a digit, and neither PORT nor K_*, which Cloud Run sets) to secrets; got the names ${jsonencode(keys(var.backend_extra_secrets))}. Rename the odd one."
  }

  validation {
    condition = alltrue([
      for id in values(var.backend_extra_secrets) :
      can(regex(local.secret_pattern, id))
    ])
    error_message = "backend_extra_secrets must hold ids of secrets, as projects/PROJECT/secrets/NAME or NAME, with no /versions/ at the end; got another form for ${jsonencode([for name, id in var.backend_extra_secrets : name if !can(regex(local.secret_pattern, id))])} (not shown). Give the secret's id, never the value."
  }
}

################################################################################
# Migrations
################################################################################

variable "run_migrations" {
  description = "Whether apply runs the migrations; needs bash and the gcloud CLI where Terraform runs. When not, run by hand what the output migration_run_command prints."
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

variable "otel_headers_secret" {
  description = "Secret with the exporter's headers, by projects/PROJECT/secrets/NAME or the id of a secret in the stack's project. Only with otel_endpoint."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = (
      var.otel_headers_secret == "" ||
      can(regex(local.secret_pattern, var.otel_headers_secret))
    )
    error_message = "otel_headers_secret must be empty or the id of a secret, as projects/PROJECT/secrets/NAME or NAME, with no /versions/ at the end; got another form (not shown). Give the secret's id, never the value."
  }
}

variable "enable_access_logs" {
  description = "Whether requests to the load balancer are logged, to Cloud Logging, and those to the buckets, to a bucket of their own where they stay a year."
  type        = bool
  default     = true
  nullable    = false
}
