# The data bucket, the configuration bucket and the log bucket.

locals {
  has_logs = var.enable_access_logs || local.has_flow_log

  # The data bucket contains user data, so s3_force_destroy decides. Old versions of
  # the configuration file and logs must not block a destroy. Load balancers can not
  # write to a bucket that is encrypted with a KMS key.
  buckets = merge(
    { data = { force_destroy = var.s3_force_destroy, kms = local.kms_key_arn, days = 0 } },
    { config = { force_destroy = true, kms = local.kms_key_arn, days = 0 } },
    local.has_logs ? {
      logs = { force_destroy = true, kms = null, days = var.log_retention_days }
    } : {},
  )

  logs_arn = "arn:${local.partition}:logs:${var.region}:${local.account_id}"

  # The AWS services that write logs. The policy restricts each service to this
  # account; otherwise resources of another account could write to the bucket. The
  # request of a load balancer has no source account, but its path contains one.
  log_writers = {
    alb = {
      enabled   = var.enable_access_logs
      principal = "logdelivery.elasticloadbalancing.amazonaws.com"
      path      = "${local.log_prefixes.alb}/AWSLogs/${local.account_id}"
      sources   = []
    }
    buckets = {
      enabled   = var.enable_access_logs
      principal = "logging.s3.amazonaws.com"
      path      = local.log_prefixes.buckets
      sources   = [for key in keys(local.logged_buckets) : local.bucket_arns[key]]
    }
    flow = {
      enabled   = local.has_flow_log
      principal = "delivery.logs.amazonaws.com"
      path      = "${local.log_prefixes.flow}/AWSLogs/${local.account_id}"
      sources   = ["${local.logs_arn}:*"]
    }
  }
  logged_buckets = {
    for key, settings in local.buckets : key => settings
    if var.enable_access_logs && key != "logs"
  }

  # An S3 object can have 10 tags, other resources 50. The object does not get the
  # default tags of the provider.
  object_tags = (
    length(local.tags) <= 10
    ? local.tags
    : { for key in ["litellm:stack", "managed-by"] : key => local.tags[key] }
  )
}

# Bucket names are global, and are not available immediately after a destroy.
resource "random_id" "bucket" {
  for_each = local.buckets

  prefix      = "${local.names["bucket_${each.key}"]}-"
  byte_length = 4
}

resource "aws_s3_bucket" "this" {
  for_each = local.buckets

  bucket        = random_id.bucket[each.key].hex
  force_destroy = each.value.force_destroy
  tags          = local.tags
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = each.value.kms == null ? "AES256" : "aws:kms"
      kms_master_key_id = each.value.kms
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# S3 keeps and bills the parts of incomplete uploads. Logs expire after
# log_retention_days.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "all"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    dynamic "expiration" {
      for_each = each.value.days > 0 ? [each.value.days] : []

      content {
        days = expiration.value
      }
    }

    dynamic "noncurrent_version_expiration" {
      for_each = each.value.days > 0 ? [1] : []

      content {
        noncurrent_days = 1
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

locals {
  encrypted_only_statements = {
    for key, arn in local.bucket_arns : key => {
      Sid       = "EncryptedOnly"
      Effect    = "Deny"
      Action    = "s3:*"
      Resource  = [arn, "${arn}/*"]
      Principal = "*"
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }

  # Each statement of the log bucket has its conditions only if the writer has sources.
  log_statements = [
    for writer, settings in local.log_writers : merge(
      {
        Sid       = "Write${title(writer)}"
        Effect    = "Allow"
        Action    = "s3:PutObject"
        Resource  = "${local.bucket_arns["logs"]}/${settings.path}/*"
        Principal = { Service = settings.principal }
      },
      length(settings.sources) == 0 ? {} : {
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account_id }
          ArnLike      = { "aws:SourceArn" = settings.sources }
        }
      },
    ) if settings.enabled
  ]

  # The flow log service reads the ACL before it writes.
  acl_statements = [
    for arn in local.has_flow_log ? [local.bucket_arns["logs"]] : [] : {
      Sid       = "ReadAcl"
      Effect    = "Allow"
      Action    = "s3:GetBucketAcl"
      Resource  = arn
      Principal = { Service = local.log_writers.flow.principal }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }
  ]
}

# S3 rejects concurrent changes of the policy and of the public access block.
resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [local.encrypted_only_statements[each.key]],
      [
        for statement in concat(local.log_statements, local.acl_statements) :
        statement if each.key == "logs"
      ],
    )
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_logging" "this" {
  for_each = local.logged_buckets

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "${local.log_prefixes.buckets}/${each.key}/"

  depends_on = [aws_s3_bucket_policy.this]
}

resource "aws_s3_object" "proxy_config" {
  bucket       = aws_s3_bucket.this["config"].id
  key          = local.config_key
  content      = local.config_yaml
  content_type = "application/yaml"
  tags         = local.object_tags

  override_provider {
    default_tags {
      tags = {}
    }
  }

  depends_on = [
    aws_s3_bucket_public_access_block.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]

  lifecycle {
    precondition {
      condition     = length(local.literal_secrets) == 0
      error_message = "proxy_config must not contain credentials of the proxy, because the state contains the configuration file unencrypted; got a value (it is not shown) for ${nonsensitive(jsonencode(local.literal_secrets))}. Remove them from proxy_config and set litellm_master_key, litellm_salt_key or database_url, or write a reference such as os.environ/LITELLM_MASTER_KEY."
    }

    precondition {
      condition     = length(local.missing_modules) == 0
      error_message = "proxy_config must name Python modules that proxy_config_files contains, or the proxy does not start; got ${nonsensitive(jsonencode(local.missing_modules))} without a file. Add the file of each module to proxy_config_files, for example { \"x.py\" = file(\"x.py\") } for x.handler."
    }
  }
}

resource "aws_s3_object" "proxy_config_files" {
  for_each = toset(nonsensitive(keys(var.proxy_config_files)))

  bucket       = aws_s3_bucket.this["config"].id
  key          = "${local.config_prefix}/${each.key}"
  content      = var.proxy_config_files[each.key]
  content_type = "text/plain; charset=utf-8"
  tags         = local.object_tags

  override_provider {
    default_tags {
      tags = {}
    }
  }

  depends_on = [
    aws_s3_bucket_public_access_block.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}
