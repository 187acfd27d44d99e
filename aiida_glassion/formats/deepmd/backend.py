"""The backends of DeePMD-kit whose models LAMMPS runs from one file, and what each can do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Backend:
    """One backend.

    :param name: as in ``backend`` inputs.
    :param flag: option of ``dp`` that chooses it.
    :param suffix: of frozen models, with the dot.
    :param checkpoint: name under which the newest checkpoint is taken up.
    :param finetunes: descriptors whose pretrained models it can finetune; empty: any.
    :param finetunes_frozen: whether it finetunes a frozen model, else a checkpoint (``.pt``).
    """

    name: str
    flag: str
    suffix: str
    checkpoint: str
    finetunes: tuple[str, ...]
    finetunes_frozen: bool

    @property
    def frozen(self) -> str:
        """File of the frozen model."""
        return f'frozen{self.suffix}'

    @property
    def compressed(self) -> str:
        """File of the compressed model."""
        return f'compressed{self.suffix}'


BACKENDS = {
    backend.name: backend
    for backend in (
        Backend('tensorflow', '--tf', '.pb', 'model.ckpt', ('se_atten', 'se_atten_v2', 'dpa1'), True),
        Backend('pytorch', '--pt', '.pth', 'model.ckpt.pt', (), False),
    )
}
_OTHERS = {
    'jax': 'its models are folders (SavedModel), which LAMMPS runs on one rank only',
    'paddle': 'its models are two files, which LAMMPS of the DeePMD-kit wheels does not run',
    'dpmodel': 'it is a reference implementation whose forces are not numbers',
    'tensorflow2': 'its models are folders, which LAMMPS does not run',
    'pytorch-exportable': 'its models are compiled for one machine',
}
COMPRESSIBLE = ('se_e2_a', 'se_a', 'se_e2_r', 'se_r', 'se_e3', 'se_at', 'se_a_3be', 'se_atten', 'se_atten_v2', 'dpa1')
"""Descriptors whose embedding can be tabulated (dpa1: without attention layers)."""


def backend_named(name: str) -> Backend:
    """Look a backend up.

    :raises ValueError: it is not one of :data:`BACKENDS`; says why where that is known.
    """
    if name in BACKENDS:
        return BACKENDS[name]
    why = f': {_OTHERS[name]}' if name in _OTHERS else ''
    raise ValueError(f'backend {name!r} is not supported{why}; expected {" or ".join(BACKENDS)}')


def backend_of_model(file: str) -> Backend:
    """The backend that a model file belongs to, by its suffix.

    :raises ValueError: none of them.
    """
    for backend in BACKENDS.values():
        if file.endswith(backend.suffix):
            return backend
    suffixes = ', '.join(f'{b.suffix} ({b.name})' for b in BACKENDS.values())
    raise ValueError(f'{file}: the suffix belongs to no supported backend; expected {suffixes}')
