"""May this leave, and when? The law as dated data, the hours, the holidays, the consent and the caps."""
