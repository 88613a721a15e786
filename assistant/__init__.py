"""What talks to people: the turn, the language model, the verifier and the front ends."""
