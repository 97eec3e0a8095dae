"""The send engine. It knows no platform by name: adapters bring events in, providers take messages out."""
