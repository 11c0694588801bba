"""Who may pass: passwords, one-time secrets, sessions, throttling, captchas; and the keys that all of it is sealed with."""
