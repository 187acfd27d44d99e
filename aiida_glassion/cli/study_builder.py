"""The builder of an active learning from a study file; everything wrong with the study is said at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida_glassion.cli import study_nodes as nodes_of
from aiida_glassion.cli.launch_label import CODES as LABEL_CODES
from aiida_glassion.cli.study_file import Study, read_study

_DFT = ('quantumespresso', 'vasp')
_PASSED_ON = (
    'protocol', 'overrides', 'gate', 'settings', 'max_concurrent', 'tolerated_failures', 'parallelization',
)  # fmt: skip
_ENGINE_OPTIONS = ('potential', 'files', 'pseudo_family', 'parallelization', 'elements', 'options')
_OF_ENGINE = {
    'potential': ['lammps'], 'coulomb': ['lammps'], 'files': ['ase'], 'pseudo_family': ['quantumespresso'],
    'parallelization': ['quantumespresso'], 'elements': list(_DFT),
}  # fmt: skip


@dataclass
class Assembled:
    """A study, ready to be submitted.

    :param study: what the file says.
    :param builder: of an ActiveLearningWorkChain, checked.
    :param elements: of everything in it.
    :param remarks: what the user should know besides.
    """

    study: Study
    builder: Any
    elements: list[str]
    remarks: list[str] = field(default_factory=list)


def assemble(
    path: Path,
    changes: tuple[tuple[str, Any], ...] = (),
    protocol: str | None = None,
    returned: Mapping[str, Any] | None = None,
) -> Assembled:
    """Read a study file, load or make every node it names, and fill a builder. Nothing is stored.

    :param path: the file.
    :param changes: dotted paths and values laid over it.
    :param protocol: instead of that of the file.
    :param returned: frames of other runs, by name, that the first committee judges.
    :raises StudyError: anything is missing or wrong; says all of it.
    """
    study = read_study(path, changes)
    if protocol is not None:
        study.content['protocol'] = protocol
    parts = _Parts(study)
    study.check()
    builder = parts.builder(returned or {})
    study.check()
    _check(study, builder)
    study.check()
    return Assembled(study, builder, parts.elements, parts.remarks)


class _Parts:
    """Nodes of a study, in the order in which they need each other."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.remarks: list[str] = []
        sections = ('crystals', 'configurations', 'reference')
        self.crystals, self.configurations, self.reference = (nodes_of.structures(study, name) for name in sections)
        self.mixtures, of_mixtures = self._mixtures()
        self._check_beginning()
        labelled = {name: nodes_of.datasets(study, name) for name in ('datasets', 'test')}
        self.elements = sorted(
            {e for node in (*self.crystals.values(), *self.configurations.values()) for e in _elements(node)}
            | of_mixtures
            | {e for found in labelled.values() for node, _ in found.values() for e in node.elements}
        )
        self.settings = self._settings()
        self.label = self._label()
        method = self._method()
        self.datasets, self.test = (
            nodes_of.of_one_method(study, name, found, method) for name, found in labelled.items()
        )
        self.train_code = nodes_of.code(study, 'train.code')
        self.md_code = nodes_of.code(study, 'explore.code')
        self.jobs = {part: nodes_of.job(study, part) for part in ('train', 'explore')}
        self.initial = self._initial() if self.crystals or self.mixtures else None
        self._check_training()

    def _mixtures(self) -> tuple[dict[str, dict[str, Any]], set[str]]:
        """Mixtures by name, and their elements."""
        from aiida_glassion.kernels.build.composition import parse_composition

        found: dict[str, dict[str, Any]] = {}
        elements: set[str] = set()
        for name, given in self.study.section('mixtures').items():
            mixture = dict(given) if isinstance(given, Mapping) else {'composition': given}
            with self.study.checking(f'mixtures.{name}'):
                elements |= set(parse_composition(mixture.get('composition', '')).elements)
                found[name] = mixture
        return found, elements

    def _check_beginning(self) -> None:
        study = self.study
        given = [name for name in ('crystals', 'mixtures', 'datasets') if study.section(name)]
        if not given:
            study.problem(
                '', 'nothing to begin with: give crystals or mixtures, which are labelled first, or datasets of labels'
            )
        elif 'datasets' in given and len(given) > 1:
            study.problem(
                given[0], 'not used where datasets are given: structures to explore from stand under configurations'
            )

    def _settings(self) -> dict[str, Any]:
        """Settings of the loop with the curriculum, as the WorkChain fills them in."""
        from aiida_glassion.workchains.active_learning_build import load_settings

        with self.study.checking('explore.stages' if self.study.get('explore.stages') else 'settings'):
            return load_settings(self.study.get('protocol'), self._overrides(), self.study.get('explore.stages'))
        return {}

    def _overrides(self) -> dict[str, Any]:
        overrides = dict(self.study.section('settings'))
        if self.study.get('explore.protocol'):
            overrides['curriculum'] = self.study.get('explore.protocol')
        return overrides

    def _label(self) -> dict[str, Any]:
        """Arguments of ``LabelWorkChain.get_builder_from_protocol``; none if nobody knows who labels."""
        study, section = self.study, self.study.section('label')
        engine = section.get('engine')
        if engine not in LABEL_CODES:
            near = '' if engine is None else f'{engine!r} given, '
            study.problem('label.engine', f'{near}expected who labels: one of {", ".join(LABEL_CODES)}')
            return {}
        for key, owners in _OF_ENGINE.items():
            if key in section and engine not in owners:
                study.problem(f'label.{key}', f'is of the engine {" or ".join(owners)}, not of {engine}')
        found: dict[str, Any] = {'engine': engine, 'code': nodes_of.code(study, 'label.code', *LABEL_CODES[engine])}
        found['options'] = nodes_of.job(study, 'label')
        if engine == 'lammps':
            found['potential'] = nodes_of.potential(study, 'label', self.elements)
        elif engine in _DFT:
            found['elements'] = self._all_elements(section.get('elements'))
        if engine == 'quantumespresso':
            if 'pseudo_family' in section:
                found['pseudo_family'] = section['pseudo_family']
            else:
                study.problem('label', 'pseudo_family is missing: the label of a family, see `aiida-pseudo list`')
        if 'files' in section:
            found['files'] = self._files(section['files'])
        for key in _PASSED_ON:
            if key in section:
                found[key] = section[key]
        return {} if engine == 'lammps' and found['potential'] is None else found

    def _all_elements(self, given: Any) -> list[str]:
        """Elements of the method: those of the study, and those that come later."""
        from aiida_glassion.kernels.build.formula import known_elements

        more = given if isinstance(given, list) else [] if given is None else [given]
        unknown = [element for element in more if element not in known_elements()]
        if unknown:
            self.study.problem('label.elements', f'{unknown[0]!r} is no element; expected e.g. [Na, P, S, O]')
            return self.elements
        return sorted({*self.elements, *more})

    def _files(self, given: Any) -> Any:
        from aiida_glassion.cli.launch_label_plan import model_files

        paths = [str(self.study.path.parent / str(name)) for name in (given if isinstance(given, list) else [given])]
        with self.study.checking('label.files'):
            return model_files(paths)
        return {}

    def _method(self) -> dict[str, Any] | None:
        """How the study will label, which all its frames must share; the engine checks what it was given."""
        if not self.label or not self.elements:
            return None
        from aiida_glassion.label_engines import engines
        from aiida_glassion.workchains import protocols

        given, engine = self.label, engines()[self.label['engine']]
        with self.study.checking('label'):
            protocols.load('label', given.get('gate'), given.get('settings'))
            settings = protocols.load(f'label_{given["engine"]}', given.get('protocol'), given.get('overrides'))
            own = {key: given[key] for key in _ENGINE_OPTIONS if key in given}
            inputs = engine.inputs_from_settings(given['code'], settings, **own)
            for name, node in {**self.crystals, **self.configurations}.items():
                wrong = engine.check(_frames(node)[:1], settings, inputs)
                if wrong:
                    self.study.problem('label', f'{name}: {wrong}')
            return dict(engine.method(settings, inputs))
        return None

    def _initial(self) -> Any:
        """Builder of the first frames."""
        from aiida_glassion.workchains import protocols
        from aiida_glassion.workchains.initial_data import InitialDataWorkChain

        study, section = self.study, self.study.section('initial')
        more: dict[str, Any] = {}
        with study.checking('initial'):
            settings = protocols.load('initial_data', section.get('protocol'), section.get('overrides'))
            engines = {settings['relax']['engine'], settings['dynamics']['engine']}
            if self.mixtures:
                more['packmol'] = nodes_of.code(study, 'initial.packmol')
            if 'md' in engines:
                more['code'] = nodes_of.code(study, 'initial.code')
                more['potential'] = nodes_of.potential(study, 'initial', self.elements)
                more['options'] = nodes_of.job(study, 'initial')
            for engine in sorted(engines & set(_DFT)):
                more['dft_code'] = nodes_of.code(study, 'initial.dft_code', *LABEL_CODES[engine])
                more['dft_protocol'], more['dft_overrides'] = section.get('dft_protocol'), section.get('dft_overrides')
                family = {'pseudo_family': section['pseudo_family']} if 'pseudo_family' in section else {}
                more['dft_options'] = {'elements': self.elements, 'options': nodes_of.job(study, 'initial'), **family}
            if study.problems:
                return None
            return InitialDataWorkChain.get_builder_from_protocol(
                self.crystals,
                self.mixtures,
                protocol=section.get('protocol'),
                overrides=section.get('overrides'),
                seed=study.get('seed', 1),
                max_concurrent=section.get('max_concurrent', 4),
                **more,
            )
        return None

    def _check_training(self) -> None:
        from aiida_glassion.workchains import protocols

        name = self.study.get('train.protocol') or self.settings.get('train_protocol')
        with self.study.checking('train.overrides' if self.study.get('train.overrides') else 'train'):
            protocols.load('train', name, self.study.get('train.overrides'))

    def builder(self, returned: Mapping[str, Any]) -> Any:
        """Builder of the loop; every part of it was checked."""
        from aiida.orm import Dict, Float, Int

        from aiida_glassion.workchains.active_learning import ActiveLearningWorkChain
        from aiida_glassion.workchains.explore_inputs import load_settings as load_run_settings

        study = self.study
        with study.checking(''):
            builder = ActiveLearningWorkChain.get_builder_from_protocol(
                train_code=self.train_code,
                md_code=self.md_code,
                label=self.label,
                datasets=self.datasets,
                initial=self.initial,
                test=self.test,
                configurations=self.configurations,
                returned=returned,
                reference=self.reference,
                protocol=study.get('protocol'),
                overrides=self._overrides(),
                stages=study.get('explore.stages'),
                train_protocol=study.get('train.protocol'),
                train_overrides=study.get('train.overrides'),
                train_options=self.jobs['train'],
                md_options=self.jobs['explore'],
                seed=study.get('seed', 1),
            )
            for part in ('train', 'explore'):
                if study.get(f'{part}.max_concurrent'):
                    builder[part].max_concurrent = Int(study.get(f'{part}.max_concurrent'))
            if study.get('explore.tolerated_failures') is not None:
                builder.explore.tolerated_failures = Float(study.get('explore.tolerated_failures'))
            if study.get('explore.run'):
                run = load_run_settings(self.settings['curriculum'], {'run': study.get('explore.run')})
                builder.explore.settings = Dict(run)
            title = study.get('title') or f'active learning of {"-".join(self.elements)} ({study.path.stem})'
            builder.metadata.label = title[:250]
            return builder
        return None


def _check(study: Study, builder: Any) -> None:
    """Check as it will be on submission, the parts by their own rules first."""
    from aiida_glassion.workchains.initial_data import InitialDataWorkChain

    initial = builder._inputs(prune=True).get('initial') or {}
    if 'settings' in initial:
        ports = InitialDataWorkChain.spec().inputs
        problem = ports.validate(ports.pre_process(initial))
        if problem is not None:
            study.problem('initial', f'{problem.port}: {problem.message}' if problem.port else str(problem.message))
    ports = builder.process_class.spec().inputs
    problem = ports.validate(ports.pre_process(builder._inputs(prune=True)))
    if problem is not None:
        study.problem('', f'{problem.port}: {problem.message}')


def _frames(node: Any) -> Any:
    from aiida_glassion.data.frames import as_frames

    return as_frames(node)


def _elements(node: Any) -> list[str]:
    return list(_frames(node).elements)
