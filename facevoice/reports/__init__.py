"""Pictures and pages: one look, one place. Takes arrays and numbers, not files or models."""
