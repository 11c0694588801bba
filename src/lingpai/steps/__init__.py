"""What several stories share, as frames around them and values between them: no story of its own, and nothing of HTTP."""
