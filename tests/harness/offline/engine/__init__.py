"""What a provider plans and refuses, from its schema."""
