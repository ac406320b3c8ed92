"""The local cloud: real parts on loopback that stand for what an apply makes on an account."""
