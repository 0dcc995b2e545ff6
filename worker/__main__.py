"""``python -m worker`` is the ``voice-insights`` command."""

from worker.cli.main import main

if __name__ == "__main__":
    main()
