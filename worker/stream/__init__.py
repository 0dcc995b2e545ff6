"""Where records come from: Kinesis streams and recordings. Shell."""
