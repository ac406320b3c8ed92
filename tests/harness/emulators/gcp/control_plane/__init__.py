"""The control plane: the Google Cloud APIs."""
