"""What Relance costs, measured: `make bench`. Ratios within one run; the figures go to docs/performance.md."""
