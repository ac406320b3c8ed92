# The image of every container.

locals {
  # The default image of each component.
  default_images = {
    for component in ["gateway", "backend", "ui", "migrations"] :
    component => "${var.image_registry}/litellm-${component}:${var.image_tag}"
  }

  images = {
    gateway = coalesce(var.gateway_image, local.default_images.gateway)
    backend = coalesce(var.backend_image, local.default_images.backend)
    ui      = coalesce(var.ui_image, local.default_images.ui)

    # Prisma is a Node.js program. Of the images of LiteLLM only this one contains
    # Node.js.
    migrations = coalesce(var.migrations_image, local.default_images.migrations)

    # psql, from the mirror of the official image at Amazon. Docker Hub limits
    # anonymous pulls by address, and all tasks share that of the NAT gateway.
    bootstrap = coalesce(
      var.bootstrap_image, "public.ecr.aws/docker/library/postgres:16-alpine"
    )
  }
}
