"""The thin shell: gather what is known, let the pure middle decide, apply. No decision is taken here."""
