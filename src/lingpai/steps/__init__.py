"""What several stories share, as frames and values."""
