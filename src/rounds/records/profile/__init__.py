"""What a site's records look like, in numbers: one pass over each table, judged against what is expected of them."""
