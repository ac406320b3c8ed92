"""The policy suite's engine: checkov over plans, with nothing made up and nothing dropped."""
