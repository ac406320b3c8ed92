"""What runs for the AWS API."""
