"""Labels from columns by rules that a person can read: `marker=yes and text=yes and side=left -> left`.

    rules      = one rule a line; what follows # is a comment; the first rule that holds gives the label
    rule       = condition "->" label
    condition  = all of them joined by "or"; each: some joined by "and"; each: comparison, "not" ..., or ( condition )
    comparison = column "=" value | column "!=" value | column "in" "(" value "," value ... ")"

Names and values with spaces or signs stand in double quotes ("" is an empty cell). Cells are compared as they are
written; columns are found in any case.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from model_zoo.importing.source import SourceError, counted, shown
from model_zoo.importing.tables import IMAGE, Table
from model_zoo.importing.text_encoding import nfc

MAX_RULES, MAX_DEPTH, MAX_LINE = 1_000, 40, 10_000
AT_MOST = 5

_TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(->|!=|=|\(|\)|,)|((?:(?!->|!=)[^\s()=,"#])+)|(#.*)|(\S))', re.S)
_WORDS = ("and", "or", "not", "in")


@dataclass(frozen=True, slots=True)
class Is:
    """The cell of ``column`` is one of ``values``."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """``inner`` does not hold."""

    inner: "Condition"


@dataclass(frozen=True, slots=True)
class All:
    """Every one of ``parts`` holds."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One or more of ``parts`` hold."""

    parts: tuple["Condition", ...]


Condition = Is | Not | All | Some


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition and the label that it gives; ``line`` is where it stands, from 1."""

    line: int
    condition: Condition
    label: str

    def __str__(self) -> str:
        return f"{rule_text(self.condition)} -> {_quoted(self.label)}"


@dataclass(frozen=True, slots=True)
class RuleResult:
    """A table with the column of labels that rules give, and for each rule: rows it labels, rows in which it holds.

    ``examples`` are up to `AT_MOST` rows of each rule, ``unmatched`` all rows that none holds in, as indices.
    """

    table: Table
    rules: tuple[Rule, ...]
    n_labelled: tuple[int, ...]
    n_holding: tuple[int, ...]
    examples: tuple[tuple[int, ...], ...]
    unmatched: tuple[int, ...]


def parse_rules(text: str, title: str = "Rules") -> tuple[Rule, ...]:
    """The rules of a text, in order; `SourceError` names the first line that is none."""
    rules: list[Rule] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > MAX_LINE or len(rules) >= MAX_RULES:
            raise SourceError(f"{title}, line {number:,}: at most {MAX_RULES:,} rules of {MAX_LINE:,} characters.")
        tokens = _tokens(line)
        if tokens:
            rules.append(_Parser(tokens, f"{title}, line {number:,}").rule(number))
    if not rules:
        raise SourceError(f"{title} holds no rule; write one a line, such as: marker=yes and structure=head -> head.")
    return tuple(rules)


def rule_holds(condition: Condition, row: Mapping[str, str]) -> bool:
    """Whether a condition holds for a row: column -> cell."""
    match condition:
        case Is(column, values):
            return nfc(row[column]) in map(nfc, values)
        case Not(inner):
            return not rule_holds(inner, row)
        case All(parts):
            return all(rule_holds(part, row) for part in parts)
        case Some(parts):
            return any(rule_holds(part, row) for part in parts)


def rule_text(condition: Condition) -> str:
    """A condition as `parse_rules` reads it."""
    match condition:
        case Is(column, (value,)):
            return f"{_quoted(column)} = {_quoted(value)}"
        case Is(column, values):
            return f"{_quoted(column)} in ({', '.join(map(_quoted, values))})"
        case Not(inner):
            return f"not ({rule_text(inner)})"
        case All(parts):
            return " and ".join(f"({rule_text(part)})" for part in parts)
        case Some(parts):
            return " or ".join(f"({rule_text(part)})" for part in parts)


def apply_rules(table: Table, rules: Sequence[Rule]) -> RuleResult:
    """Every row labelled by the first rule that holds in it, '' where none does; `SourceError` names a lacking column.

    The table says in sentences what each rule did, and which rows none holds in.
    """
    known = [replace(rule, condition=_in_columns(rule.condition, table, rule.line)) for rule in rules]
    n_labelled, n_holding = [0] * len(known), [0] * len(known)
    examples: list[list[int]] = [[] for _ in known]
    unmatched, labels = [], []
    for k, row in enumerate(table.rows):
        cells = dict(zip(table.names, row, strict=True))
        holding = [j for j, rule in enumerate(known) if rule_holds(rule.condition, cells)]
        for j in holding:
            n_holding[j] += 1
        if holding:
            n_labelled[holding[0]] += 1
            examples[holding[0]] += [k] if len(examples[holding[0]]) < AT_MOST else []
        else:
            unmatched.append(k)
        labels.append(known[holding[0]].label if holding else "")
    name = "labels"
    while name in table.names:
        name += "_"
    result = RuleResult(
        Table(
            table.title,
            (*table.names, name),
            [(*row, label) for row, label in zip(table.rows, labels, strict=True)],
            labels=(name,),
            told=table.told,
        ),
        tuple(known),
        tuple(n_labelled),
        tuple(n_holding),
        tuple(map(tuple, examples)),
        tuple(unmatched),
    )
    return replace(result, table=replace(result.table, told=(*table.told, *_told(result))))


def _told(result: RuleResult) -> list[str]:
    table = result.table
    at = next((table.names.index(n) for known in IMAGE for n in table.names if n.casefold() == known), 0)

    def such_as(rows: Sequence[int]) -> str:
        some = ", ".join(f"row {k + 1:,} ({shown(table.rows[k][at], 40)})" for k in rows[:AT_MOST])
        return some + (f" and {len(rows) - AT_MOST:,} more" if len(rows) > AT_MOST else "")

    told = []
    for k, rule in enumerate(result.rules):
        n, earlier = result.n_labelled[k], result.n_holding[k] - result.n_labelled[k]
        taken = f"; {earlier:,} more are labelled by earlier rules" if earlier else ""
        some = f", such as {such_as(result.examples[k][:2])}" if n else ""
        told.append(f"Rule of line {rule.line:,}, {shown(str(rule), 200)}: {counted(n, 'row')}{some}{taken}.")
    if result.unmatched:
        rows = counted(len(result.unmatched), "row")
        told.append(f"{rows} without a label, since no rule matches: {such_as(result.unmatched)}.")
    return told


def _in_columns(condition: Condition, table: Table, line: int) -> Condition:
    """The condition with columns named as the table writes them."""
    match condition:
        case Is(column, values):
            try:
                return Is(table.column(column), values)
            except SourceError as error:
                raise SourceError(f"Rule of line {line:,}: {error}") from error
        case Not(inner):
            return Not(_in_columns(inner, table, line))
        case All(parts):
            return All(tuple(_in_columns(part, table, line) for part in parts))
        case Some(parts):
            return Some(tuple(_in_columns(part, table, line) for part in parts))


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    is_quoted: bool = False

    def is_word(self, *words: str) -> bool:
        return not self.is_quoted and self.text.casefold() in words


def _tokens(line: str) -> list[_Token]:
    tokens = []
    for match in _TOKEN.finditer(line.strip()):
        quoted, sign, word, comment, other = match.groups()
        if quoted is not None:
            tokens.append(_Token(re.sub(r"\\(.)", r"\1", quoted), is_quoted=True))
        elif comment is None:
            tokens.append(_Token(sign or word or other))
        if other == '"':  # never closed; to look for its end from each quote behind it would take their square
            break
    return tokens


class _Parser:
    """Recursive descent over the tokens of one line."""

    def __init__(self, tokens: Sequence[_Token], where: str) -> None:
        self.tokens, self.where, self.at, self.depth = tokens, where, 0, 0

    def rule(self, line: int) -> Rule:
        condition = self.some()
        self.sign("->", "and, or, or -> and a label")
        label = self.value("a label")
        if self.at < len(self.tokens):
            raise self.unexpected("nothing after the label, which stands in quotes if it has spaces")
        return Rule(line, condition, label)

    def some(self) -> Condition:
        parts = [self.all()]
        while self.accept("or"):
            parts.append(self.all())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def all(self) -> Condition:
        parts = [self.one()]
        while self.accept("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def one(self) -> Condition:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise SourceError(f"{self.where}: more than {MAX_DEPTH} conditions in each other; write several rules.")
        condition: Condition
        if self.accept("not"):
            condition = Not(self.one())
        elif self.accept("("):
            condition = self.some()
            self.sign(")", "and, or, or )")
        else:
            condition = self.comparison()
        self.depth -= 1
        return condition

    def comparison(self) -> Condition:
        column = self.value("a column, not or (")
        if self.accept("!="):
            return Not(Is(column, (self.value("a value"),)))
        if not self.accept("in"):
            self.sign("=", f"=, != or in after {shown(column)}")
            return Is(column, (self.value("a value"),))
        self.sign("(", "( after in")
        values = [self.value("a value")]
        while self.accept(","):
            values.append(self.value("a value"))
        self.sign(")", ", or )")
        return Is(column, tuple(dict.fromkeys(values)))

    def accept(self, word: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at].is_word(word)
        self.at += found
        return found

    def sign(self, sign: str, expected: str) -> None:
        if not self.accept(sign):
            raise self.unexpected(expected)

    def value(self, expected: str) -> str:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if token is None or token.is_word("->", "=", "!=", "(", ")", ",", '"', "!", *_WORDS):
            raise self.unexpected(expected)
        self.at += 1
        return token.text

    def unexpected(self, expected: str) -> SourceError:
        got = shown(self.tokens[self.at].text) if self.at < len(self.tokens) else "the end"
        return SourceError(f"{self.where}: expected {expected}, got {got}; write column=value and ... -> label.")


def _quoted(text: str) -> str:
    plain = re.fullmatch(r"[^\s()=,\"#!\\-]+", text) and text.casefold() not in _WORDS
    return text if plain else '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
