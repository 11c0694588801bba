"""uvicorn behind our protocol class; nothing else touches it."""
