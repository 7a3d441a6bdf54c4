"""What students hand in: collected, read, mended, and looked at for tricks."""
