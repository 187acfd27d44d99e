"""Scattering: structure factors from positions or from g(r), conversions, and what is compared with diffraction."""
