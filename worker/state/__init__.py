"""Where commits go: the store protocol and its implementations. Shell."""
