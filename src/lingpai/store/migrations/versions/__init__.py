"""The steps, one file each; their numbers follow one another."""
