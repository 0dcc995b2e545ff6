"""What a deployment is examined for: asking it (shell), and judging the answers (pure)."""
