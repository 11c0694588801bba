"""What we do: one story a file. Plain async functions `verb(services, ctx, …)`; no HTTP, no SQL, no dialect, no other flow."""

from lingpai.steps.services import OPERATOR, Services

__all__ = ["OPERATOR", "Services"]
