"""What the hosted pages share."""
