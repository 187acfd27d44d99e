"""From a composition to a defended number for glassy battery electrolytes and cathodes, as AiiDA workflows."""

__version__ = '0.1.0'
