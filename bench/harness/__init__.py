"""What the scenarios stand on: processes, graphs, native programs, peers, and the table."""
