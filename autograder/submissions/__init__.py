"""What students hand in: collected, read, repaired, and checked for tricks."""
