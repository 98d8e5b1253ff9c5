"""A local web page and a JSON interface that identify people. Needs the extra `[serve]`."""
