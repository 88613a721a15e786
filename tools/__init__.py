"""What can be measured about a training run: typed functions, no printing, no language model."""
