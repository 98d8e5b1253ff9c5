"""What a corpus holds: people, their media files, and splits that others made."""
