"""What is spent once: codes, links, grants."""
