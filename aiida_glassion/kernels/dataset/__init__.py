"""What can be said of, and done to, labelled frames: shifts of energy, splits, outliers, duplicates, statistics."""
