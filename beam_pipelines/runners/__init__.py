"""Where the job runs: runners, workers, and how far they have come."""
