# What routes with once or threshold remember: hashes and counts, until seven days after a window.
resource "aws_dynamodb_table" "state" {
  # checkov:skip=CKV_AWS_28:The content is needed for hours, and without it alerts go out unsuppressed.
  # checkov:skip=CKV_AWS_119:The table has hashes and counts. A customer managed key would need more permissions of the function.
  count = var.state_table ? 1 : 0

  name         = "${var.name}-state"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  server_side_encryption {
    enabled = true
  }

  ttl {
    attribute_name = "expires"
    enabled        = true
  }
}
