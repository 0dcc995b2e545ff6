"""What people see: logs, progress, tables. Shell."""
