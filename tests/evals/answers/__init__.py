"""Cases for whole answers: what a person hands over and asks, and what the answer must and must not hold."""
