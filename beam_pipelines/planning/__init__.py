"""Plans a build before anything is decoded: pure functions on references."""
