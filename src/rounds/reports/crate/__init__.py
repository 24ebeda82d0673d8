"""The record of a round as a Five Safes RO-Crate: written as JSON-LD, and checked without any network."""
