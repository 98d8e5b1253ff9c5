"""Sub-commands of `facevoice`: one module each, with `main(argv, prog)` -> exit code."""
