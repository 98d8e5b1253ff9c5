"""What a trained model is worth: its answers on a data set, and the measures read from them."""
