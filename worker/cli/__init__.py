"""The ``voice-insights`` command, one module a subcommand. Shell."""
