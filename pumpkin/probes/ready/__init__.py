"""Ready probes on kept libraries, each a program of its own: `python -P -m pumpkin.probes.ready NAME TARGET`.

Each module has `measure(target) -> dict`: what was found, as JSON values. OSError and ValueError mean that it could not
be measured; the program then ends 1 with the reason on standard error, which the check carries.
"""
