"""The application: routes, refusals, response headers, origins."""
