"""What people would pick instead, doing the same work, each as its own documentation shows: `make bench-others`."""
