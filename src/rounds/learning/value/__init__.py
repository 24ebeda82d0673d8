"""What it is worth: costs against what is gained, how sure that is, and who gains. Pure functions of arrays."""
