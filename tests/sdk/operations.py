"""Every GraphQL operation that the installed client can send, taken from its sources and its Go program.

    target/python/0.31.0/bin/python tests/sdk/operations.py       what the committed schema does not answer, by name
    … tests/sdk/operations.py -v                                  and why not
    … tests/sdk/operations.py --strike                            strikes what it does answer out of not_served_yet.txt

Python: each expression that is a GraphQL text is evaluated with the names of its module, so that texts made of parts come
out whole. Where a part is known at run time only, the parts that are known are kept. Go: the texts lie in the program as
they are, one behind the other.
"""

import ast
import functools
import importlib
import re
import string
import sys
from dataclasses import dataclass
from pathlib import Path

import graphql
import wandb

PACKAGE = Path(wandb.__file__).parent
NOT_SERVED_YET = Path(__file__).with_name("not_served_yet.txt")
SCHEMA = Path(__file__).resolve().parents[2] / "schema.graphql"
HEAD = r"(?:query|mutation|subscription)\b\s*\w*\s*[({]"
START = r"\s*(?:#[^\n]*\n\s*)*(?:{})"
FRAGMENT = r"fragment\s+\w+\s+on\s+\w+\s*\{"
# Parts that the client fills in before it sends the text, and what stands for an unknown part here.
GAP = re.compile(r"\b(?:_[A-Za-z]+(?:_[A-Za-z]+)*_|ID_TYPE|ID_VALUE)\b")
UNKNOWN = "_UNKNOWN_"
# Fields whose name is chosen at run time, by operation.
CHOSEN_FIELDS = {
    "RunFullHistory": ("history", "events"),
    "ProjectArtifactCollections": ("artifactCollections",),
    "ArtifactCollection": ("artifactCollection",),
    "Artifacts": ("artifactCollection",),
}
# The client's texts break rules that are about tidiness; a server answers them all the same.
UNTIDY = {graphql.NoUnusedVariablesRule, graphql.NoUnusedFragmentsRule}
RULES = [rule for rule in graphql.specified_rules if rule not in UNTIDY]
# Where a part is unknown, variables and arguments may be declared or given in it.
NOT_IN_A_GAP = {
    graphql.NoUndefinedVariablesRule,
    graphql.ProvidedRequiredArgumentsRule,
    graphql.ValuesOfCorrectTypeRule,
    graphql.ScalarLeafsRule,
}


@dataclass(frozen=True)
class Operation:
    name: str
    source: str
    document: graphql.DocumentNode
    has_gaps: bool

    def problems(self, schema):
        rules = [rule for rule in RULES if rule not in NOT_IN_A_GAP] if self.has_gaps else RULES
        return [error.message for error in graphql.validate(schema, self.document, rules)]


def operations():
    texts = [(source, text) for source, whole in (*python_texts(), *go_texts()) for text in chosen(whole)]
    fragments = known_fragments(texts)
    found = {}
    for source, text in texts:
        if re.match(START.format(HEAD), text):
            operation = read(source, text, fragments)
            found[graphql.print_ast(operation.document)] = operation
    return list(found.values())


def chosen(text):
    """One text for each field that the client may put into a gap."""
    for name, fields in CHOSEN_FIELDS.items():
        if re.search(rf"\bquery {name}\b", text) and re.search(rf"{UNKNOWN}\(", text):
            return [re.sub(rf"{UNKNOWN}\(", f"{field}(", text) for field in fields]
    return [text]


def parse(text):
    """Gaps are left out, and what is empty without them: `...` before a fragment's name, and brackets."""
    text = re.sub(rf"\.\.\.\s*{UNKNOWN}\b", " ", text)
    return graphql.parse(re.sub(r"\(\s*\)", " ", GAP.sub(" ", text)))


def read(source, text, fragments):
    """A text whose fragments are added at run time gets them from wherever the package has them."""
    document = parse(text)
    while missing := missing_fragments(document) & fragments.keys():
        document = graphql.concat_ast([document, *(fragments[name] for name in sorted(missing))])
    (head, *_) = (part for part in document.definitions if isinstance(part, graphql.OperationDefinitionNode))
    return Operation(head.name.value if head.name else "anonymous", source, document, bool(GAP.search(text)))


def missing_fragments(document):
    used = set(re.findall(r"\.\.\.\s*(?!on\b)(\w+)", graphql.print_ast(document)))
    return used - {part.name.value for part in document.definitions if isinstance(part, graphql.FragmentDefinitionNode)}


def known_fragments(texts):
    """Fragments by name, each as a document with nothing else in it."""
    parts = [part for _, text in texts for part in parse(text).definitions]
    fragments = [part for part in parts if isinstance(part, graphql.FragmentDefinitionNode)]
    return {part.name.value: graphql.DocumentNode(definitions=(part,)) for part in fragments}


def python_texts():
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.relative_to(PACKAGE.parent)
        text = path.read_text(encoding="utf-8")
        if "vendor" not in source.parts and re.search(f"{HEAD}|{FRAGMENT}", text):
            names = module_names(".".join(source.with_suffix("").parts).removesuffix(".__init__"))
            for line, found in expressions(ast.parse(text), names):
                yield f"{source}:{line}", found


def module_names(module):
    try:
        return vars(importlib.import_module(module))
    except Exception:  # A module for a package that is not installed: its constants stay unknown.
        return {}


def expressions(node, names):
    """The outermost expressions below `node` that come out as GraphQL texts, with their lines."""
    if isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp, ast.Call)):
        text = evaluate(node, names)
        if text and is_graphql(text):
            yield node.lineno, text
            return
    for child in ast.iter_child_nodes(node):
        yield from expressions(child, names)


def is_graphql(text):
    return re.match(START.format(f"{HEAD}|{FRAGMENT}"), text)


def evaluate(node, names):
    """The text that an expression comes to, as far as it can be known without running the client; else nothing."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(evaluate(part, names) or UNKNOWN for part in parts)
        case ast.FormattedValue(value=value):
            return evaluate(value, names)
        case ast.Name(id=name):
            value = names.get(name)
            return value if isinstance(value, str) else None
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (evaluate(left, names) or UNKNOWN) + (evaluate(right, names) or UNKNOWN)
        case ast.BinOp(left=left, op=ast.Mod()):
            text = evaluate(left, names)
            return text and re.sub(r"%\(?\w*\)?s", UNKNOWN, text)
        case ast.Call(func=ast.Attribute(value=value, attr="replace")):
            return evaluate(value, names)
        case ast.Call(func=ast.Attribute(value=value, attr="format")):
            text = evaluate(value, names)
            return without_fields(text) if text and is_graphql(text) else text
    return None


def without_fields(text):
    """What `str.format` makes of a text whose arguments are not known."""
    parts = string.Formatter().parse(text)
    return "".join(literal + (UNKNOWN if field is not None else "") for literal, field, *_ in parts)


def go_texts():
    program = PACKAGE / "bin/wandb-core"
    data = program.read_bytes()
    end = 0
    for head in re.finditer(HEAD.encode().replace(rb"\w*", rb"\w+"), data):
        if head.start() >= end:
            end = end_of_text(data, head.start())
            yield f"{program.name}@{head.start():#x}", data[head.start() : end].decode()


def end_of_text(data, start):
    """Where an operation and the fragments that follow it end: at the brace that closes the last of them."""
    end, depth = start, 0
    for token in re.finditer(rb'"[^"\n]*"|[{}()]', data[start : start + (1 << 16)]):
        depth += {b"{": 1, b"(": 1, b"}": -1, b")": -1}.get(token.group(), 0)
        if depth == 0 and token.group() == b"}":
            end = start + token.end()
            if not re.match(rb"\s*" + FRAGMENT.encode(), data[end : end + 200]):
                break
    return end


@functools.cache
def problems_by_name():
    """For each operation's name what the committed schema does not answer; empty for those it does."""
    schema = graphql.build_schema(SCHEMA.read_text(encoding="utf-8"))
    problems = {}
    for operation in operations():
        problems.setdefault(operation.name, []).extend(f"{operation.source}: {problem}" for problem in operation.problems(schema))
    return problems


def strike():
    """Takes the installed version out of the lines of operations that are answered, and lines without versions away."""
    kept = []
    for line in NOT_SERVED_YET.read_text(encoding="utf-8").splitlines():
        name, *versions = line.split()
        left = [version for version in versions if version != wandb.__version__ or problems_by_name().get(name)]
        if line.startswith("#") or left:
            kept.append(line if line.startswith("#") else " ".join([name, *left]))
    NOT_SERVED_YET.write_text("\n".join(kept) + "\n", encoding="utf-8")


def main():
    if "--strike" in sys.argv:
        return strike()
    for name, problems in sorted(problems_by_name().items()):
        if problems:
            print(name, *(sorted(set(problems)) if "-v" in sys.argv else []), sep="\n    ")


if __name__ == "__main__":
    main()
