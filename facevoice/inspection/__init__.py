"""What `python -m tfdata.inspect` shows: examples, their levels, and what looks wrong."""
