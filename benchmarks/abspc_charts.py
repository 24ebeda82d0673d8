"""Draw the XmR charts of some series with abspc, in a Python that has it; `spc_bulk.py` calls this.

python benchmarks/abspc_charts.py values.npy limits.npy
"""

import sys
import time

import numpy as np
import pandas as pd
from abspc.spc import (  # type: ignore[import-not-found, unused-ignore]
    calculate_control_limits,
    detect_special_causes,
    determine_assurance_type,
    determine_variation_type,
)


def main() -> None:
    """Draw, write mean and upper limit of each, print the processor time."""
    values, limits = np.load(sys.argv[1]), []
    start = time.process_time()
    for row in values:
        found = detect_special_causes(calculate_control_limits(pd.DataFrame({"value": row}), "XmR"))
        determine_variation_type(found)
        determine_assurance_type(found, 50.0)
        limits.append((found["mean"].iloc[0], found["ucl"].iloc[0]))
    print(time.process_time() - start)
    np.save(sys.argv[2], np.array(limits))


if __name__ == "__main__":
    main()
