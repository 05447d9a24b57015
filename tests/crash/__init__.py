"""Every crash point of everything durable, enumerated."""
