"""What should be used, and why. Pure: from the scores of every rung to a verdict, its gaps, its table, its report."""
