"""What a committee of models knows and does not know: errors, deviations, curves of learning."""
