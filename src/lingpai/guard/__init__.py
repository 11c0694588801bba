"""Who may pass: passwords, links and codes, limits, seals."""
