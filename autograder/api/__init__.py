"""What a student's kernel sees of this package: this room, and nothing else."""
