"""What is watched in CloudWatch, made from the metric catalogues: dashboard and alarms. Pure."""
