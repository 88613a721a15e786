"""The evaluation: cases with known answers, their graders and the runner. Run it with `make evals`."""
