"""Sessions and clients of AWS, and what its errors mean to a command."""
