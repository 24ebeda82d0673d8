"""True chance: discrete Gaussian noise from a maintained library, drawn from the operating system's generator."""


def draw(sigma: float, many: int) -> list[int]:
    """Return integers of a discrete Gaussian around 0.

    Args:
        sigma: standard deviation, above 0.
        many: how many, 0 or more.

    Source: OpenDP's exact sampler of the discrete Gaussian; its bits come from the operating system's generator.
    """
    if not many:
        return []
    import opendp.prelude as dp  # loaded only where a policy needs it

    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T=float)
    noise: list[int] = dp.m.make_gaussian(*space, scale=sigma)([0] * many)
    return noise
