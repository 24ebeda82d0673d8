"""Places against the places beside them: who is whose neighbour, and where high or low rates lie together."""
