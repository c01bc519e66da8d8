"""Classes by name, from one file each in a folder of this package, from entry points, or by class path."""

import argparse
import ast
import contextlib
import functools
import importlib
import importlib.metadata
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from lce_tf.errors import UserError


class Registry(Mapping[str, type]):
    """Classes by name: `LOSSES["lce"]` imports the class and returns it.

    A class in a file of the package's folder is registered if its body sets `key`, its name. The class body assigns
    `key`, `help` and the other attributes of `facts` as literals. `about` reads these without importing the file, so
    that `--help` does not import TensorFlow. A class of another project is found by its entry point in the group
    `package` (such as `lce_tf.losses`) or by its class path.

    Args:
        package: dotted name of the package whose folder is searched; nothing is read before the first look-up.
        flag: the option that names a class, for error messages.
        facts: class with the default of every attribute that a registered class may set.
        base: dotted name of the class that registered classes derive from, itself derived from `facts`.
        also: further values of the option, such as "auto", that are not names of classes; the caller chooses a class
            for them.
    """

    def __init__(self, package: str, flag: str, facts: type, base: str, also: tuple[str, ...] = ()):
        self.package, self.flag, self.facts, self.base, self.also = package, flag, facts, base, also

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._built_in, *self._usable}))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in self._built_in or name in self._installed

    def __getitem__(self, name: str) -> type:
        """The class called `name`.

        Raises:
            UserError: no class has this name, the class path cannot be imported, or the class found does not derive
                from `facts`.
        """
        if name in self._built_in:
            module, class_name, _ = self._built_in[name]
            return getattr(importlib.import_module(f"{self.package}.{module}"), class_name)
        if name in self._installed:
            return self._checked(name, self._imported(name, self._installed[name].load))
        return self._checked(name, self._by_path(name))

    def about(self, name: str) -> type:
        """A class with the attributes of `facts` that the class `name` sets; a class of this package is not imported.

        Raises:
            UserError: as in `self[name]`.
        """
        if name in self._built_in:
            return self._built_in[name][2]
        return self[name]

    def known(self, text: str) -> str:
        """`text` if it names a class or is in `also`; to be used as an argparse `type=`.

        Raises:
            argparse.ArgumentTypeError: it is neither.
        """
        if text in self.also:
            return text
        try:
            self.about(text)
        except UserError as error:
            raise argparse.ArgumentTypeError(str(error).removeprefix(f"{self.flag} ")) from error
        return text

    @functools.cached_property
    def _built_in(self) -> dict[str, tuple[str, str, type]]:
        """Name -> (name of the module, name of the class, subclass of `facts` with the attributes that it sets)."""
        found = {}
        folder = Path(__file__).parents[2].joinpath(*self.package.split("."))
        for path in sorted(folder.glob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8"), str(path)).body:
                if isinstance(node, ast.ClassDef) and (stated := self._stated(node)).get("key"):
                    found[stated["key"]] = (path.stem, node.name, type(node.name, (self.facts,), stated))
        return found

    def _stated(self, node: ast.ClassDef) -> dict[str, object]:
        """Literals that the class body assigns to the attributes of `facts`."""
        stated = {}
        for line in node.body:
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                # Other values, such as an alias of a method, exist on the imported class only.
                if hasattr(self.facts, line.targets[0].id):
                    with contextlib.suppress(ValueError):
                        stated[line.targets[0].id] = ast.literal_eval(line.value)
        return stated

    @functools.cached_property
    def _usable(self) -> list[str]:
        """Names of installed classes that can be imported; of each other one a warning is printed, once."""
        usable = []
        for name in self._installed:
            try:
                self[name]
            except UserError as error:
                print(f"warning: {error}; left out", file=sys.stderr)
            else:
                usable.append(name)
        return usable

    @functools.cached_property
    def _installed(self) -> dict[str, importlib.metadata.EntryPoint]:
        return {point.name: point for point in importlib.metadata.entry_points(group=self.package)}

    def _by_path(self, name: str) -> object:
        module, _, class_name = name.rpartition(".")
        if not all(part.isidentifier() for part in name.split(".")) or not module:
            known = ", ".join((*self.also, *self))
            raise UserError(f"{self.flag} {name!r}: known are {known}; or give a class, package.module.Class")
        if os.getcwd() not in sys.path:  # sys.path of a console script lacks the current folder
            sys.path.append(os.getcwd())
        return self._imported(name, lambda: getattr(importlib.import_module(module), class_name))

    def _imported(self, name: str, load: Callable[[], object]) -> object:
        try:
            return load()
        except (ImportError, AttributeError, SyntaxError) as error:
            raise UserError(f"{self.flag} {name}: cannot be imported ({error})") from error
        except (Exception, SystemExit) as error:  # whatever another project's file does when it is imported
            *_, last = traceback.extract_tb(error.__traceback__)
            why = f"{type(error).__name__}: {error}; {last.filename}, line {last.lineno}"
            raise UserError(f"{self.flag} {name}: cannot be imported ({why})") from error

    def _checked(self, name: str, found: object) -> type:
        if not (isinstance(found, type) and issubclass(found, self.facts)):
            raise UserError(f"{self.flag} {name}: is no subclass of {self.base}")
        return found
