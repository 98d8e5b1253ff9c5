"""Sub-commands of `facevoice`, one a module, each with `main(argv) -> exit code`."""
