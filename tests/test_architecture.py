"""The plan of the house, kept by reading every module of the package with `ast`.

A rule is a function over sources (module name -> text) that lists violations, one sentence each
that says what to do. Its test expects none in the package and some in a small bad snippet.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sweeps"

Sources = Mapping[str, str]
Rule = Callable[[Sources], list[str]]

# Lower numbers lie deeper. An import points to a smaller number, or to another module of the same
# room. What stands in no room of its own is named as a module.
LAYERS = {
    "menu": 0,
    "paths": 0,
    "errors": 0,
    "durable": 0,
    "lock": 0,
    "causes": 0,
    "spec": 1,
    "starters": 2,
    "converters": 2,
    "checkpoints": 1,
    "search": 2,
    "training": 2,
    "worker": 3,
    "bundles": 3,
    "engines": 4,
    "preflight": 5,
    "reading": 5,
    "conductor": 6,
    "drafting": 6,
    "ensembling": 6,
    "exporter": 6,
    "exporting": 6,
    "retraining": 6,
    "resuming": 6,
    "warm_start": 6,
    "tidying": 6,
    "extending": 6,
    "sweep": 7,
    "report": 8,
    "": 9,  # the facade, sweeps/__init__.py
    "cli": 10,
    "__main__": 11,
}

# Rooms of one layer that may know each other, in this direction only.
NEIGHBOURS = {
    ("menu", "errors"),
    ("durable", "errors"),
    ("paths", "errors"),
    ("lock", "errors"),
    ("lock", "durable"),
    ("checkpoints", "spec"),
    ("bundles", "worker"),
    ("exporter", "ensembling"),
    ("conductor", "exporter"),
    ("conductor", "drafting"),
    ("drafting", "exporter"),
    ("exporting", "exporter"),
    ("exporting", "ensembling"),
    ("retraining", "exporting"),
}

HEAVY = ("keras", "keras_tuner", "tensorflow")
HEAVY_ROOMS = ("training", "bundles")

RENAMES = {"os": {"replace", "rename", "renames", "link"}, "shutil": {"move"}}
UNSAFE_MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}
UNSAFE_ATTRIBUTES = {"joblib.load", "joblib.dump", "torch.load", "os.system", "os.popen"}
UNSAFE_METHODS = {"enable_unsafe_deserialization", "unsafe_load", "full_load", "func_load"}
UNSAFE_OPTIONS = {  # argument of a call -> the one value that is safe
    "allow_pickle": "False",
    "safe_mode": "True",
    "shell": "False",
    "typ": "'safe'",
}
SERVER_MODULES = {"socketserver", "http", "xmlrpc", "wsgiref", "aiohttp", "flask", "grpc"}
SERVER_METHODS = {"bind", "listen", "create_server", "start_server", "create_unix_server"}
UNSAFE_ALLOWED: dict[str, str] = {}  # module -> the reason; CMA-ES needs none, it is computed anew

ENVIRONMENT_ROOMS = ("cli", "__main__")
ENVIRONMENT_ALLOWED = {
    "sweeps.worker.fork_server": "sets the threads and the log level of the processes it starts",
    "sweeps.worker.devices": "looks which GPUs CUDA_VISIBLE_DEVICES leaves us, as CUDA would",
    "sweeps.bundles.clean_child": "makes the environment of a clean process anew",
    "sweeps.training.runtime": "sets CUDA_VISIBLE_DEVICES, by which CUDA hears of the trial's GPU",
}

PUBLIC_NAMES = [
    "BundleReport",
    "CheckReport",
    "ExportReport",
    "PlanReport",
    "SpecError",
    "SweepReport",
    "SweepsError",
    "TrialRecord",
    "check",
    "enqueue",
    "export",
    "extend",
    "load",
    "plan",
    "predict",
    "read",
    "resume",
    "retrain",
    "run",
    "verify",
]


@dataclass(frozen=True)
class Import:
    """One import of one module by another.

    Attributes:
        importer: The module that imports.
        target: The imported module, in full.
        name: The imported name, where it is not a module itself; else empty.
        line: Line in the importer.
        is_typing_only: It stands below ``if TYPE_CHECKING:`` and never runs.
    """

    importer: str
    target: str
    name: str
    line: int
    is_typing_only: bool

    @property
    def place(self) -> str:
        return f"{self.importer}:{self.line}"


def test_layers_imports_point_only_downwards() -> None:
    """From the command line down to errors, and search and training never meet."""
    expect_none(find_upward_imports(read_package()))


@pytest.mark.parametrize(
    ("importer", "line"),
    [
        ("sweeps.spec.load", "from sweeps.search.study import open_study"),
        ("sweeps.spec.load", "def f():\n    from sweeps.search import study"),
        ("sweeps.spec.load", "if TYPE_CHECKING:\n    import sweeps.search.study"),
        ("sweeps.search.study", "import sweeps.training.train"),
        ("sweeps.training.train", "from sweeps.search.study import open_study"),
        ("sweeps.errors", "from . import menu"),
        ("sweeps.worker.supervisor", "from ..engines import local"),
        ("sweeps.engines.local", "from sweeps import run"),
        ("sweeps.report.live", "import sweeps.cli.app"),
    ],
)
def test_layers_upward_import_is_found(importer: str, line: str) -> None:
    """The rule sees imports in functions, relative ones, for types, and of the facade."""
    assert find_upward_imports({**outline(), importer: line}) != []


def test_layers_new_top_level_module_must_be_placed() -> None:
    """A module that no layer names is a violation, so that the picture stays complete."""
    assert find_upward_imports({"sweeps.utils": ""}) != []


def test_cycles_there_are_none() -> None:
    """No module reaches itself through imports, lazy ones and menus included."""
    expect_none(find_cycles(read_package()))


@pytest.mark.parametrize(
    "second",
    [
        "def f():\n    from sweeps.spec.load import x",
        "from sweeps.spec import load",
        "from . import load",
        'import_module("sweeps.spec.load")',
        'MENU = Menu("room", {"name": "sweeps.spec.load:thing"})',
    ],
)
def test_cycles_lazy_import_back_is_found(second: str) -> None:
    """An import inside a function or a menu's entry closes a cycle as well."""
    sources = {"sweeps.spec.load": "import sweeps.spec.model", "sweeps.spec.model": second}
    assert find_cycles(sources) != []


def test_cycles_import_for_types_alone_is_none() -> None:
    """What stands below TYPE_CHECKING never runs."""
    lazy = "if TYPE_CHECKING:\n    import sweeps.spec.load"
    assert (
        find_cycles({"sweeps.spec.load": "import sweeps.spec.model", "sweeps.spec.model": lazy})
        == []
    )


def test_tensorflow_line_only_training_and_bundles_import_it() -> None:
    """keras, tensorflow and keras_tuner belong to what runs in a trial process."""
    expect_none(find_heavy_imports(read_package()))


@pytest.mark.parametrize(
    "line",
    [
        "import keras",
        "from tensorflow.python import x",
        "def f():\n    import keras_tuner",
        'importlib.import_module("keras")',
    ],
)
def test_tensorflow_line_import_elsewhere_is_found(line: str) -> None:
    """The rule sees lazy imports too."""
    assert find_heavy_imports({"sweeps.search.study": line}) != []
    assert find_heavy_imports({"sweeps.training.train": line}) == []


def test_optuna_only_search_knows_it() -> None:
    """Optuna can change in one room only."""
    expect_none(find_optuna_imports(read_package()))


def test_optuna_import_elsewhere_is_found() -> None:
    """The rule sees an import in another room."""
    assert find_optuna_imports({"sweeps.sweep": "from optuna.trial import TrialState"}) != []


def test_private_names_stay_in_their_module() -> None:
    """One underscore means private to the module."""
    expect_none(find_private_imports(read_package()))


def test_private_name_of_another_module_is_found() -> None:
    """A door's own `_base` module is no private name; anything else with an underscore is."""
    sources = {"sweeps.spec.load": "", "sweeps.spec._base": "", "sweeps.spec.model": ""}
    bad = "from sweeps.spec.load import _parse\nfrom sweeps.spec import _base"
    assert len(find_private_imports({**sources, "sweeps.spec.model": bad})) == 1


def test_private_module_of_another_folder_is_found() -> None:
    """A module with an underscore serves the modules of its own folder."""
    line = "from sweeps.spec._words import find_word"
    assert find_private_imports({"sweeps.search.study": line}) != []
    assert find_private_imports({"sweeps.spec.load": line}) == []


def test_renames_only_durable_does_them() -> None:
    """A file has its final name only when it is complete: one module knows how."""
    expect_none(find_renames(read_package()))


@pytest.mark.parametrize(
    "line",
    [
        "os.replace(a, b)",
        "os.rename(a, b)",
        "os.link(a, b)",
        "path.hardlink_to(other)",
        "shutil.move(a, b)",
        "from os import replace",
        "path.rename(other)",
        "path.with_suffix('.tmp').replace(other)",
    ],
)
def test_renames_elsewhere_are_found(line: str) -> None:
    """The rule sees os, shutil and pathlib."""
    assert find_renames({"sweeps.checkpoints.store": line}) != []
    assert find_renames({"sweeps.durable": line}) == []


@pytest.mark.parametrize(
    "line", ["text.replace('a', 'b')", "dataclasses.replace(x, a=1)", "when.replace(tzinfo=utc)"]
)
def test_renames_other_replace_is_none(line: str) -> None:
    """Text, dataclasses and dates have a `replace` of their own."""
    assert find_renames({"sweeps.checkpoints.store": line}) == []


def test_unsafe_calls_no_pickle_no_eval() -> None:
    """Nothing that a file holds is executed (promise P12)."""
    expect_none(find_unsafe_calls(read_package()))


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "def f():\n    from cloudpickle import dumps",
        "eval(text)",
        "exec(code)",
        "joblib.load(path)",
        "np.load(path, allow_pickle=True)",
        "import cPickle",
        "from joblib import load\njoblib.load(path)",
        "import shelve",
        "import marshal",
        "compile(text, 'x', 'exec')",
        "keras.config.enable_unsafe_deserialization()",
        "keras.models.load_model(path, safe_mode=False)",
        "yaml.unsafe_load(text)",
        "ruamel.yaml.YAML(typ='unsafe')",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
    ],
)
def test_unsafe_calls_are_found(line: str) -> None:
    """The rule sees modules, builtins and NumPy's own door to pickle."""
    assert find_unsafe_calls({"sweeps.search.study": line}) != []


def test_unsafe_calls_keras_compile_is_none() -> None:
    """`model.compile` and `re.compile` are not the builtin."""
    assert find_unsafe_calls({"sweeps.search.study": "model.compile()\nre.compile('a')"}) == []


def test_servers_there_are_none() -> None:
    """Nothing listens, so that nobody can connect (promise P12)."""
    expect_none(find_servers(read_package()))


@pytest.mark.parametrize(
    "line",
    [
        "import socketserver",
        "from http.server import HTTPServer",
        "socket.create_server(('', 0))",
        "connection.bind(('', 0))",
        "connection.listen()",
    ],
)
def test_servers_are_found(line: str) -> None:
    """The rule sees the modules, and a socket that is given an address."""
    assert find_servers({"sweeps.worker.supervisor": line}) != []


def test_unsafe_allow_list_has_no_stale_entry() -> None:
    """Every exception is still needed, once its module exists."""
    expect_none(find_stale_exceptions(read_package()))


def test_environment_read_only_by_the_command_line() -> None:
    """What a sweep does depends on its arguments, never on who calls it."""
    expect_none(find_environment_uses(read_package()))


@pytest.mark.parametrize(
    "line", ["os.environ['A']", "os.getenv('A')", "from os import environ", "os.environ.get('A')"]
)
def test_environment_use_elsewhere_is_found(line: str) -> None:
    """The rule sees each way to the environment."""
    assert find_environment_uses({"sweeps.training.train": line}) != []
    assert find_environment_uses({"sweeps.cli.app": line}) == []


def test_public_names_are_these() -> None:
    """A new public name is a promise: it is written down here as well."""
    import sweeps

    assert sorted(sweeps.__all__) == PUBLIC_NAMES


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_public_name_can_be_imported_and_is_documented(name: str) -> None:
    """Every public name is there and says what it does."""
    import sweeps

    assert (getattr(sweeps, name).__doc__ or "").strip()


@pytest.mark.parametrize(
    "program",
    [
        "import sweeps",
        "import sweeps; sweeps.SweepsError",
        "main('--help')",
        "main('run', '--help')",
    ],
)
def test_start_up_loads_nothing_heavy(program: str, tmp_path: Path) -> None:
    """`import sweeps` and `--help` answer at once: no TensorFlow, no Keras, no Optuna."""
    assert find_heavy_modules(program, tmp_path) == set()


def test_start_up_heavy_module_is_found(tmp_path: Path) -> None:
    """The check sees a module that was loaded."""
    assert "optuna" in find_heavy_modules("import optuna", tmp_path)


def expect_none(violations: list[str]) -> None:
    assert not violations, "\n" + "\n".join(violations)


def find_upward_imports(sources: Sources) -> list[str]:
    """List imports that point up or sideways, and modules that no layer names."""
    found = [
        f"{module}: no layer names it. Put it into a room, or add it to LAYERS here and to the "
        "picture in docs/architecture.md."
        for module in sources
        if room_of(module) not in LAYERS
    ]
    for item in read_imports(sources):
        if not is_ours(item.target) or item.name == "__version__":
            continue
        importer, target = room_of(item.importer), room_of(item.target)
        if not may_import(importer, target):
            found.append(
                f"{item.place}: {importer or 'sweeps'} imports {item.target}, which lies not below "
                "it. Move what is needed down, or pass it as an argument."
            )
    return sorted(set(found))


def may_import(importer: str, target: str) -> bool:
    """Tell whether one room may import another."""
    if importer == target or (importer, target) in NEIGHBOURS:
        return True
    return LAYERS.get(target, 99) < LAYERS.get(importer, 99)


def find_cycles(sources: Sources) -> list[str]:
    """List one cycle for each module that reaches itself."""
    graph: dict[str, set[str]] = {module: set() for module in sources}
    for item in read_imports(sources):
        if item.target in graph and not item.is_typing_only and item.target != item.importer:
            graph[item.importer].add(item.target)
    return [
        f"{' -> '.join(cycle)}: a cycle. Move what both need into a third module."
        for module in sorted(graph)
        if (cycle := find_path_back(graph, module))
    ]


def find_path_back(graph: Mapping[str, set[str]], start: str) -> list[str]:
    """Find a way from a module to itself; empty where there is none."""
    paths, seen = [[start]], set[str]()
    while paths:
        path = paths.pop()
        for target in sorted(graph[path[-1]] - seen):
            if target == start:
                return [*path, start]
            seen.add(target)
            paths.append([*path, target])
    return []


def find_heavy_imports(sources: Sources) -> list[str]:
    """List imports of TensorFlow and its kin outside the rooms that may have them."""
    return [
        f"{item.place}: imports {item.target}; only sweeps/training and sweeps/bundles may, "
        "because the driver must stay light and safe to fork from. Do it there, in a child process."
        for item in read_imports(sources)
        if item.target.partition(".")[0] in HEAVY
        and not item.is_typing_only
        and room_of(item.importer) not in HEAVY_ROOMS
    ]


def find_optuna_imports(sources: Sources) -> list[str]:
    """List imports of Optuna outside sweeps/search."""
    return [
        f"{item.place}: imports {item.target}; everything that knows Optuna lies in sweeps/search."
        for item in read_imports(sources)
        if item.target.partition(".")[0] == "optuna" and room_of(item.importer) != "search"
    ]


def find_private_imports(sources: Sources) -> list[str]:
    """List names with an underscore that a module takes from another, or from another folder."""
    return [
        f"{item.place}: imports the private {item.name or item.target} of {item.target}. Make it "
        "public there, or go without."
        for item in read_imports(sources)
        if is_ours(item.target) and (is_private(item.name) or is_private_module(item))
    ]


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def is_private_module(item: Import) -> bool:
    """Tell whether a module of another folder is private to it; `_base` is a room's open door."""
    folder, _, module = item.target.rpartition(".")
    return module != "_base" and is_private(module) and not item.importer.startswith(folder)


def find_renames(sources: Sources) -> list[str]:
    """List renames, moves and hard links outside durable.py."""
    return [
        f"{module}:{node.lineno}: renames, moves or links a file. Call write_atomic, commit_dir or "
        "link_file of sweeps.durable, which also put the bytes on disk in the right order."
        for module, node in walk_all(sources)
        if module != "sweeps.durable" and is_rename(node)
    ]


def is_rename(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return any(alias.name in RENAMES.get(node.module or "", ()) for alias in node.names)
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    owner, attribute = ast.unparse(node.func.value), node.func.attr
    if owner in RENAMES:
        return attribute in RENAMES[owner]
    # Path.replace and Path.rename take one argument; str.replace takes two, dates keywords.
    return (
        attribute in {"replace", "rename", "hardlink_to"}
        and len(node.args) == 1
        and not node.keywords
    )


def find_unsafe_calls(sources: Sources) -> list[str]:
    """List what could execute the content of a file."""
    return [
        f"{module}:{node.lineno}: {ast.unparse(node)} can execute what a file holds. Store JSON or "
        "arrays, parse with ast, or add the module to UNSAFE_ALLOWED with the reason."
        for module, node in walk_all(sources)
        if module not in UNSAFE_ALLOWED and is_unsafe(node)
    ]


def is_unsafe(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] in UNSAFE_MODULES for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in UNSAFE_MODULES
    if isinstance(node, ast.Attribute):
        return ast.unparse(node) in UNSAFE_ATTRIBUTES or node.attr in UNSAFE_METHODS
    if isinstance(node, ast.keyword) and node.arg in UNSAFE_OPTIONS:
        return ast.unparse(node.value) != UNSAFE_OPTIONS[node.arg]
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in UNSAFE_CALLS
    return False


def find_servers(sources: Sources) -> list[str]:
    """List what could listen on a socket."""
    return [
        f"{module}:{node.lineno}: {ast.unparse(node)} can listen. Use a pair of sockets."
        for module, node in walk_all(sources)
        if is_server(node)
    ]


def is_server(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] in SERVER_MODULES for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in SERVER_MODULES
    return isinstance(node, ast.Attribute) and node.attr in SERVER_METHODS


def find_stale_exceptions(sources: Sources) -> list[str]:
    """List exceptions whose module no longer needs them."""
    return [
        f"{module}: is in UNSAFE_ALLOWED and does nothing unsafe. Remove it there."
        for module in UNSAFE_ALLOWED
        if module in sources
        and not any(is_unsafe(node) for _, node in walk_all({module: sources[module]}))
    ]


def find_environment_uses(sources: Sources) -> list[str]:
    """List uses of the environment where it has no business."""
    return [
        f"{module}:{node.lineno}: uses the environment. Read it in sweeps/cli and pass the value "
        "as an argument."
        for module, node in walk_all(sources)
        if room_of(module) not in ENVIRONMENT_ROOMS
        and module not in ENVIRONMENT_ALLOWED
        and is_environment_use(node)
    ]


def is_environment_use(node: ast.AST) -> bool:
    names = {"environ", "environb", "getenv", "getenvb", "putenv"}
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(alias.name in names for alias in node.names)
    return (
        isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os"
    )


def find_heavy_modules(program: str, folder: Path) -> set[str]:
    """Run a program in a fresh interpreter and name the heavy modules it loaded."""
    prelude = (
        "import runpy, sys\n"
        "def main(*arguments):\n"
        "    sys.argv = ['sweeps', *arguments]\n"
        "    try:\n"
        "        runpy.run_module('sweeps', run_name='__main__', alter_sys=True)\n"
        "    except SystemExit as ending:\n"
        "        assert not ending.code, ending.code\n"
    )
    report = "\nprint('LOADED', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", prelude + program + report],
        cwd=folder,
        env={"PYTHONPATH": str(PACKAGE.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split()) & {*HEAVY, "optuna", "torch", "joblib"}


def read_package() -> Sources:
    """Read every module of the package."""
    return {
        name_module(path): path.read_text(encoding="utf-8")
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def name_module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def outline() -> dict[str, str]:
    """Give an empty package with the modules that the bad snippets name."""
    names = ["", ".menu", ".spec.load", ".search", ".search.study", ".training.train", ".engines"]
    return dict.fromkeys([f"sweeps{name}" for name in names], "")


def room_of(module: str) -> str:
    """Name the room, or the top-level module, that a module belongs to."""
    return module.removeprefix("sweeps").removeprefix(".").partition(".")[0]


def is_ours(module: str) -> bool:
    return module == "sweeps" or module.startswith("sweeps.")


def walk_all(sources: Sources) -> Iterator[tuple[str, ast.AST]]:
    for module, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            yield module, node


def read_imports(sources: Sources) -> list[Import]:
    """List every import, those inside functions and the entries of menus included."""
    return [item for module in sources for item in read_module_imports(sources, module)]


def read_module_imports(sources: Sources, module: str) -> Iterator[Import]:
    tree = ast.parse(sources[module])
    typing_only = find_typing_only(tree)
    for node in ast.walk(tree):
        for target, name in read_targets(sources, module, node):
            yield Import(module, target, name, node.lineno, node in typing_only)


def find_typing_only(tree: ast.AST) -> set[ast.AST]:
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }


def read_targets(sources: Sources, module: str, node: ast.AST) -> Iterator[tuple[str, str]]:
    """Give (module, name) of what a node imports."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, "") for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = resolve_base(sources, module, node)
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            yield (inner, "") if inner in sources else (base, alias.name)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        if node.args and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value), ""
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        target = node.value.partition(":")[0]
        if ":" in node.value and target in sources:
            yield target, ""


def resolve_base(sources: Sources, module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    is_package = any(other.startswith(f"{module}.") for other in sources)
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + (1 if is_package else 0)]
    return ".".join([*parts, *([node.module] if node.module else [])])
