"""What a name in a file means: `dist.init_process_group` is torch.distributed.init_process_group."""

import ast
from collections import Counter, defaultdict

from polysilicon.porting.rewriting.source import Source


class Bindings:
    """The imports of a file, and all its nodes. A name that is bound in several ways means nothing.

    `times` counts how often each name is bound, wherever in the file; a star import counts for the name `*`.
    """

    def __init__(self, source: Source) -> None:
        imported: dict[str, set[str]] = defaultdict(set)
        self.statements: dict[str, list[ast.ImportFrom]] = defaultdict(list)
        self.times: Counter[str] = Counter()
        otherwise: set[str] = set()
        self.nodes = tuple(ast.walk(source.tree))
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    self.times[bound] += 1
                    imported[bound].add(alias.name if alias.asname else bound)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    bound = alias.asname or alias.name
                    self.times[bound] += 1
                    self.statements[bound].append(node)
                    imported[bound].add(f"{'.' * node.level}{node.module or ''}.{alias.name}".removesuffix("."))
            else:
                otherwise.update(_bound(node))
                self.times.update(_bound(node))
        self._means = {
            name: min(means) for name, means in imported.items() if len(means) == 1 and name not in otherwise
        }
        self.taken = frozenset(imported) | frozenset(otherwise)
        top = [one for one in source.tree.body if isinstance(one, ast.Import)]
        self.has_torch = self._means.get("torch") == "torch" and any(
            alias.name.partition(".")[0] == "torch" and not alias.asname for one in top for alias in one.names
        )

    def means(self, name: str) -> str | None:
        """The dotted name that an imported name stands for."""
        return self._means.get(name)

    def dotted(self, node: ast.expr) -> str:
        """The full dotted name of an expression such as `tc.empty_cache`; empty where it is none."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self._means:
            return ""
        return ".".join([self._means[node.id], *reversed(parts)])


def _bound(node: ast.AST) -> list[str]:
    """Names that a node binds otherwise than by an import."""
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        return [node.name]
    if isinstance(node, ast.MatchMapping) and node.rest:
        return [node.rest]
    return []
