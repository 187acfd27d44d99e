"""CalcJobs: one program run each."""
