"""What worked: the effect of an innovation where it is embedded, and the patients who benefited."""
