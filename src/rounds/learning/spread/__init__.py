"""What spreads: dated adoption, its curve and its coverage of the membership."""
