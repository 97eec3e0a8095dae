"""SMPP 3.4 as it is written: frames, texts, moments. Pure; both who calls and who is called use it."""
