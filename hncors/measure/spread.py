"""Whether what stations see of a satellite differs by where they stand: an orbit's error does, a clock's not.

Two stations 500 km apart see a satellite of 21,500 km height under angles a fortieth apart, so an error of
its orbit of 1 km differs by up to 25 m between them.
"""

from __future__ import annotations

import numpy as np

from hncors.observation import F64

FEWEST = 6  # stations, for a plane of three unknowns and some to spare
CHI_SQUARED = 23.0  # of two more unknowns, by chance exceeded once in 100,000
LEAST_M = 1.0  # across the network


def is_orbit(places_m: F64, left_m: F64, noise_m2: F64) -> bool:
    """Whether a plane over the stations (n, 3) explains what they see better than one number does."""
    if len(left_m) < FEWEST:
        return False
    at_m = places_m - places_m.mean(axis=0)
    plane = np.linalg.svd(at_m, full_matrices=False)[2][:2]  # a province is flat
    design = np.column_stack((np.ones(len(left_m)), at_m @ plane.T / 1000.0))
    weight = 1.0 / np.sqrt(noise_m2)
    found = np.linalg.lstsq(design * weight[:, None], left_m * weight, rcond=None)[0]
    level = np.sum(left_m * weight**2) / np.sum(weight**2)
    of_one = np.square((left_m - level) * weight).sum()
    of_plane = np.square((left_m - design @ found) * weight).sum()
    model_m = design[:, 1:] @ found[1:]
    scale = max(of_plane / (len(left_m) - 3), 1.0)
    return bool((of_one - of_plane) / scale > CHI_SQUARED and np.ptp(model_m) > LEAST_M)
