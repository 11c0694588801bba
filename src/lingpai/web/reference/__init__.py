"""OpenAPI and /docs."""
