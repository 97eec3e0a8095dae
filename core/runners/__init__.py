"""Who calls `run_due`: threads in this process (embedded), or Celery workers on many machines (distributed)."""
