"""Scripts that travel with a job and run in a user's environment; nothing here is imported by this package."""
