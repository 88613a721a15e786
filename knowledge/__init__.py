"""What is known about pitfalls: cards, their index and their retrieval."""
