"""The four login APIs, each declared by itself: read, call one flow, wrap."""
