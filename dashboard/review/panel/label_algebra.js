// The label algebra of model_zoo/core/label_space/labels.py, and key assignments. Pure functions without DOM or state.
// A label is an array of leaf ids; changes is a Map of part name -> value, null = unknown.

const FIXED_KEYS = {
  enter: "save", y: "confirm", t: "cannot_tell", s: "skip", u: "undo", j: "next", arrowright: "next",
  k: "previous", arrowleft: "previous", n: "note", m: "map", x: "mode", b: "blind", f: "flag", r: "reason", "/": "search", "?": "keys",
  "+": "zoom_in", "=": "zoom_in", "-": "zoom_out", "[": "narrower", "]": "wider", ",": "darker", ".": "brighter", home: "whole",
};
const LOOKING = ["zoom_in", "zoom_out", "narrower", "wider", "darker", "brighter", "whole"];
const STREAMLITS = ["c", "r"]; // Streamlit's shortcuts: c is left to Streamlit, an assigned r must not rerun the page
const KEY_ROWS = ["1234567890", "qweiop", "adghl", "zv"];
const UNKNOWN_VALUE = -1;

function valuesOf(space, leaf) {
  return space.leaves[leaf] ?? [];
}

function editLabel(space, label, changes) {
  const reachable = (values) =>
    space.parts.every((part, i) => !changes.has(part.name) || [null, values[i]].includes(changes.get(part.name))) &&
    label.some((old) => {
      const before = valuesOf(space, old);
      return !before.length || space.parts.every((part, i) => changes.has(part.name) || before[i] === values[i]);
    });
  return Object.keys(space.leaves).filter((leaf) => valuesOf(space, leaf).length && reachable(valuesOf(space, leaf)));
}

function answerLabel(space, label, leaves) {
  const both = leaves.filter((leaf) => label.includes(leaf));
  if (both.length) return both;
  const value = (leaf, i) => valuesOf(space, leaf)[i] ?? null;
  const kept = space.parts.map((_, i) => i).filter((i) => {
    const before = new Set(label.filter((leaf) => valuesOf(space, leaf).length).map((leaf) => value(leaf, i)));
    return leaves.some((leaf) => before.has(value(leaf, i)));
  });
  const narrowed = leaves.filter((leaf) => label.some((old) => kept.every((i) => value(leaf, i) === value(old, i))));
  return narrowed.length ? narrowed : [...leaves];
}

function settledParts(space, label) {
  return space.parts.map((_, i) => {
    const found = new Set(label.map((leaf) => valuesOf(space, leaf)[i] ?? null));
    return found.size === 1 ? [...found][0] : null;
  });
}

function sameLabel(one, other) {
  const left = new Set(one);
  return left.size === new Set(other).size && other.every((leaf) => left.has(leaf));
}

// Text of each part of a label; single leaf classes are in `lone`.
function describeLabel(space, label) {
  const boxed = label.filter((leaf) => valuesOf(space, leaf).length);
  const lone = label.filter((leaf) => !valuesOf(space, leaf).length).map(readable);
  const parts = !boxed.length ? [] : space.parts.map((part, i) => {
    const found = part.values.filter((value) => boxed.some((leaf) => valuesOf(space, leaf)[i] === value));
    const known = found.length < part.values.length || part.values.length === 1;
    return { name: part.name, text: known ? found.join(" or ") : "unknown", known };
  });
  return { parts, lone };
}

function labelWords(space, label) {
  if (sameLabel(label, Object.keys(space.leaves))) return "nothing is known";
  const { parts, lone } = describeLabel(space, label);
  const boxed = parts.map((part) => (part.known ? part.text : `${part.name} unknown`)).join(" · ");
  return [boxed, ...lone].filter(Boolean).join(", or ");
}

// Text of a label that LeafSpace.parse reads back.
function labelText(space, label) {
  return sameLabel(label, Object.keys(space.leaves)) ? "*" : label.join("|");
}

function readLabelText(space, text) {
  if (text === "*") return Object.keys(space.leaves);
  return text.match(/(?:[^|\\]|\\.)+/gs) ?? [];
}

function readable(leaf) {
  return leaf.replace(/\\(.)/gs, "$1");
}

function impossibleSentence(changes) {
  const wanted = [...changes].map(([name, value]) => `${name} = ${value ?? "unknown"}`).join(", ");
  return `No allowed combination has ${wanted} beside the other parts; change those too.`;
}

// Key -> action, for the fixed actions and for the buttons of one mode. Each label part gets a row of the keyboard;
// further buttons get the remaining keys, and after these no key.
function assignKeys(space, mode, nClasses = 0) {
  const rows = KEY_ROWS.map((row) => [...row]);
  const keys = new Map(Object.entries(FIXED_KEYS));
  const left = () => rows.flat()[0];
  const take = (key, action) => {
    if (key === undefined) return;
    for (const row of rows) if (row.includes(key)) row.splice(row.indexOf(key), 1);
    keys.set(key, action);
  };
  if (mode === "class") {
    for (let i = 0; i < nClasses; i++) take(left(), `class:${i}`);
    return keys;
  }
  const wanting = [];
  space.parts.forEach((part, p) => {
    const row = KEY_ROWS[p];
    if (row?.[0] === "1" && part.values.length < 10) take("0", `part:${p}:${UNKNOWN_VALUE}`);
    else wanting.push(`part:${p}:${UNKNOWN_VALUE}`);
    part.values.forEach((_, v) => {
      if (row && v < row.length) take(row[v], `part:${p}:${v}`);
      else wanting.push(`part:${p}:${v}`);
    });
  });
  for (let p = 0; p < space.parts.length; p++) {
    const unknown = wanting.indexOf(`part:${p}:${UNKNOWN_VALUE}`);
    if (unknown < 0) continue;
    take([...(KEY_ROWS[p] ?? "")].find((key) => rows.some((row) => row.includes(key))) ?? undefined, wanting[unknown]);
    if ([...keys.values()].includes(wanting[unknown])) wanting.splice(unknown, 1);
  }
  const spare = () => rows.toReversed().flat()[0];
  space.lone.forEach((_, i) => take(spare(), `lone:${i}`));
  wanting.forEach((action) => take(spare(), action));
  return keys;
}

function keyOfAction(keys, action) {
  for (const [key, does] of keys) if (does === action) return key;
  return null;
}

// Name of the pressed key in the key tables. For layouts with other characters (Cyrillic letters, the digit row of
// AZERTY), the physical position of the key is used.
function pressedKey(event, keys) {
  const key = event.key.toLowerCase();
  if (keys.has(key)) return key;
  if (event.shiftKey || /^[a-z0-9]$/.test(key)) return key;
  const place = /^(?:Key|Digit)(.)$/.exec(event.code ?? "");
  return place ? place[1].toLowerCase() : key;
}
