"""What may leave a site. The only maker of `Released`."""
