"""Where datasets are kept: files on disks, and addresses of object stores."""
