# The data bucket, and one of its own for the proxy's configuration.

locals {
  config_key = "config/litellm-config.yaml"

  # proxy_config is any: both sides of a conditional would have to be of one
  # type, so it is put into text where it is used and nowhere compared.
  config_yaml = yamlencode(var.proxy_config)

  # The data bucket holds what the user made and is guarded. The one with the
  # configuration holds nothing but the module's own file, whose old versions
  # must not keep the bucket.
  _buckets = merge(
    { data = { force_destroy = var.s3_force_destroy } },
    { for key in ["config"] : key => { force_destroy = true } if local.has_config },
  )

  # S3 takes 10 tags on an object, 50 on anything else.
  _object_tags = (
    length(local.tags) <= 10
    ? local.tags
    : { for key in ["litellm:stack", "managed-by"] : key => local.tags[key] }
  )
}

# Bucket names are the world's, and not free at once after destroy.
resource "random_id" "bucket" {
  for_each = local._buckets

  prefix      = "${local.names["bucket_${each.key}"]}-"
  byte_length = 4
}

resource "aws_s3_bucket" "this" {
  for_each = local._buckets

  bucket        = random_id.bucket[each.key].hex
  force_destroy = each.value.force_destroy
  tags          = local.tags
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local._buckets

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local._buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local._buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_object" "proxy_config" {
  count = local.has_config ? 1 : 0

  bucket       = aws_s3_bucket.this["config"].id
  key          = local.config_key
  content      = local.config_yaml
  content_type = "application/yaml"
  tags         = local._object_tags

  depends_on = [
    aws_s3_bucket_public_access_block.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}
