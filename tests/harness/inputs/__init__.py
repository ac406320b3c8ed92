"""Legal and illegal inputs."""
