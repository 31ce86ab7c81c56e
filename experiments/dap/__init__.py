"""DAP: a labeler, a judge of its labels, and the network trained on the best of them."""
