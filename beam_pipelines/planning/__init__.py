"""What becomes of a corpus, before anything is decoded: pure functions on references."""
