"""The program that runs at the coordinating centre."""
