"""What a phone will show and what it costs: filling a text, its spelling, its parts, its price. All pure."""
