"""The dashboard, the alarms and their template; sizes and costs of a deployment."""
