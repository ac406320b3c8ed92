# The image of every container, and the repository through which Cloud Run pulls images of ghcr.io.

locals {
  # The default image of each component.
  default_images = {
    for component in ["gateway", "backend", "ui", "migrations"] :
    component => "${var.image_registry}/litellm-${component}:${var.image_tag}"
  }

  requested_images = {
    gateway = coalesce(var.gateway_image, local.default_images.gateway)
    backend = coalesce(var.backend_image, local.default_images.backend)
    ui      = coalesce(var.ui_image, local.default_images.ui)

    # Prisma is a Node.js program. Of the images of LiteLLM only this one contains
    # Node.js.
    migrations = coalesce(var.migrations_image, local.default_images.migrations)
  }

  # Host and path of the remote repository. If there is no repository, null.
  image_proxy = one([
    for repository in google_artifact_registry_repository.image_proxy :
    "${repository.location}-docker.pkg.dev/${repository.project}/${repository.repository_id}"
  ])

  images = {
    for component, image in local.requested_images : component => (
      var.create_image_proxy && startswith(image, "ghcr.io/")
      ? "${local.image_proxy}/${trimprefix(image, "ghcr.io/")}"
      : image
    )
  }

  # The registries that Cloud Run supports: [REGION-]docker.pkg.dev, [REGION.]gcr.io
  # and docker.io. A path is in lower case, so a placeholder such as PROJECT_ID does
  # not match.
  supported_image_pattern = join("", [
    "^(([a-z0-9-]+-)?docker[.]pkg[.]dev|([a-z0-9-]+[.])?gcr[.]io|docker[.]io)",
    "(/[a-z0-9]+([._-]+[a-z0-9]+)*)+",
    "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$",
  ])

  # Only the images of containers that the stack runs.
  unsupported_images = {
    for component in local.identities : component => local.images[component]
    if !can(regex(local.supported_image_pattern, local.images[component]))
  }
}

# Reports all unsupported images before the apply creates anything.
resource "terraform_data" "images" {
  input = local.images

  lifecycle {
    precondition {
      condition     = length(local.unsupported_images) == 0
      error_message = "The images must be in a registry that Cloud Run supports ([REGION-]docker.pkg.dev, [REGION.]gcr.io or docker.io), in lower case and without placeholders; got ${jsonencode(local.unsupported_images)}. Set create_image_proxy = true to pull from ghcr.io through a remote repository of Artifact Registry, or set image_registry or the *_image input of the component to a supported registry."
    }
  }
}

resource "google_artifact_registry_repository" "image_proxy" {
  count = var.create_image_proxy ? 1 : 0

  project       = var.project
  location      = var.region
  repository_id = local.names.image_proxy
  description   = "LiteLLM stack ${local.name}: ghcr.io"
  format        = "DOCKER"
  mode          = "REMOTE_REPOSITORY"
  kms_key_name  = local.kms_key_name
  labels        = local.labels

  remote_repository_config {
    docker_repository {
      custom_repository {
        uri = "https://ghcr.io"
      }
    }
  }
}
