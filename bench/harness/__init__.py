"""What the scenarios stand on: processes, graphs, native programs, peers, numbers, and the table."""
