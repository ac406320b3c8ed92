"""The data plane: the programs behind the AWS API."""
