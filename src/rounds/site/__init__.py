"""The program that runs inside a member's secure data facility."""
