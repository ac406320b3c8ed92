"""What must hold for every legal configuration."""
