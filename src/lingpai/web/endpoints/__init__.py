"""The service's own calls."""
