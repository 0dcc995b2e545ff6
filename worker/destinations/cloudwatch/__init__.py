"""CloudWatch: datums, requests and the sink that sends them."""
