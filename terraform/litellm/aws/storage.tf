# The data bucket, one of its own for the proxy's configuration, one for logs.

locals {
  config_key = "config/litellm-config.yaml"

  # proxy_config is any: both sides of a conditional would have to be of one
  # type, so it is put into text where it is used and nowhere compared.
  config_yaml = yamlencode(var.proxy_config)

  # The data bucket holds what the user made and is guarded. The one with the
  # configuration holds nothing but the module's own file, whose old versions
  # must not keep the bucket; nor must logs, of which there always are some.
  # Load balancers write to no bucket that is encrypted with a key of KMS.
  _buckets = merge(
    { data = { force_destroy = var.s3_force_destroy, kms = local.kms_key_arn, days = 0 } },
    local.has_config ? { config = { force_destroy = true, kms = local.kms_key_arn, days = 0 } } : {},
    local.has_logs ? { logs = { force_destroy = true, kms = null, days = var.log_retention_days } } : {},
  )

  # Where in the bucket of the logs each writer writes.
  _log_prefixes = { alb = "alb", buckets = "s3", flow = "flow" }

  # Read through locals, as in iam.tf. The cluster's ARN tells the account, so
  # nobody need be asked for it.
  _bucket_arns = { for key in keys(local._buckets) : key => aws_s3_bucket.this[key].arn }
  _account     = split(":", aws_ecs_cluster.this.arn)[4]

  # The services of AWS that write logs. Each may for this account alone, or
  # another's load balancer could be told the bucket's name. A load balancer does
  # not say whose it is, but writes below its account's number only.
  _log_writers = {
    alb = {
      there     = var.enable_access_logs
      principal = "logdelivery.elasticloadbalancing.amazonaws.com"
      sources   = []
    }
    buckets = {
      there     = var.enable_access_logs
      principal = "logging.s3.amazonaws.com"
      sources   = [for key in keys(local._logged_buckets) : local._bucket_arns[key]]
    }
    flow = {
      there     = local.has_flow_log
      principal = "delivery.logs.amazonaws.com"
      sources   = ["arn:${data.aws_partition.current.partition}:logs:${var.region}:${local._account}:*"]
    }
  }
  _logged_buckets = {
    for key, settings in local._buckets : key => settings
    if var.enable_access_logs && key != "logs"
  }

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
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = each.value.kms == null ? "AES256" : "aws:kms"
      kms_master_key_id = each.value.kms
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

# What an upload that was given up leaves behind is kept, and paid for, unseen.
# Logs go after a while.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local._buckets

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

data "aws_iam_policy_document" "bucket" {
  for_each = local._buckets

  statement {
    sid       = "EncryptedOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local._bucket_arns[each.key], "${local._bucket_arns[each.key]}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = {
      for writer, settings in local._log_writers : writer => settings
      if settings.there && each.key == "logs"
    }

    content {
      sid     = "Write${title(statement.key)}"
      actions = ["s3:PutObject"]
      resources = [join("/", compact([
        local._bucket_arns[each.key],
        local._log_prefixes[statement.key],
        statement.key == "buckets" ? "" : "AWSLogs/${local._account}",
        "*",
      ]))]

      principals {
        type        = "Service"
        identifiers = [statement.value.principal]
      }

      dynamic "condition" {
        for_each = length(statement.value.sources) > 0 ? [local._account] : []

        content {
          test     = "StringEquals"
          variable = "aws:SourceAccount"
          values   = [condition.value]
        }
      }

      dynamic "condition" {
        for_each = length(statement.value.sources) > 0 ? [statement.value.sources] : []

        content {
          test     = "ArnLike"
          variable = "aws:SourceArn"
          values   = condition.value
        }
      }
    }
  }

  # Asked for before flow logs are written.
  dynamic "statement" {
    for_each = each.key == "logs" && local.has_flow_log ? [1] : []

    content {
      sid       = "ReadAcl"
      actions   = ["s3:GetBucketAcl"]
      resources = [local._bucket_arns[each.key]]

      principals {
        type        = "Service"
        identifiers = [local._log_writers.flow.principal]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local._account]
      }
    }
  }
}

# S3 takes a policy and a block of public access one after the other only.
resource "aws_s3_bucket_policy" "this" {
  for_each = local._buckets

  bucket = aws_s3_bucket.this[each.key].id
  policy = data.aws_iam_policy_document.bucket[each.key].json

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_logging" "this" {
  for_each = local._logged_buckets

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "${local._log_prefixes.buckets}/${each.key}/"

  depends_on = [aws_s3_bucket_policy.this]
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
