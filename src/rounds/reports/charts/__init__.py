"""Charts: Vega-Lite dictionaries made by functions, and their rendering to SVG."""
