"""What it costs to look at answers that pass, and whether the sums are right."""
