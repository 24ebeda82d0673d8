"""What the network learns: variation, spread and impact. Pure functions of arrays, independent of each other."""
