"""The pipeline: decide what each sink gets, send it, and find a safe place for what was refused."""
