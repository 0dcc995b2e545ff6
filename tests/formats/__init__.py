"""What each release has stored, and whether this one can go on from it."""
