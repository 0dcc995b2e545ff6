"""The examination of a deployment: probing it (shell), and judging the facts (pure)."""
