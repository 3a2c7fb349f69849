// Label area of the review panel: current label, possible changes, and the resulting label.

const UNTOUCHED = {
  parts: "Change only what is wrong; the rest stays.",
  class: "Only the parts that the class settles will change.",
};
const UNSEEN = "Say what you see; parts that you leave open stay unknown.";

function chips(space, label) {
  const { parts, lone } = describeLabel(space, label);
  const chip = (name, text, known = true) => el("span", { className: known ? "part-chip" : "part-chip is-unknown" }, name ? el("small", { text: name }) : null, el("b", { text }));
  return el("div", { className: "chips" }, parts.map((part) => chip(part.name, part.text, part.known)), lone.map((text) => chip(parts.length ? "or" : "", text)));
}

function drawChoices(s, label) {
  const { data, ui } = s;
  const draft = draftOf(s);
  const offers = data.taxonomies.length > 0;
  const modes = offers ? el("div", { className: "modes", role: "group", "aria-label": "Answer by" },
    button(s, "mode:parts", data.space.parts.length ? "By parts" : "By label", { pressed: s.mode === "parts", noKey: true }), button(s, "mode:class", "By class", { pressed: s.mode === "class", noKey: true }), kbd("x")) : null;
  const byClass = s.mode === "class";
  const names = classesOf(s).map(([name], i) => button(s, `class:${i}`, name, { pressed: draft.cls === name }));
  const rows = byClass ? [el("div", { className: "row-buttons", role: "group", "aria-label": `Classes of ${s.taxonomy}` }, names)] : partRows(s, draft, label);
  const title = el("div", { className: "choices-title" }, heading(byClass ? "Which class is it?" : "What is wrong with it?"), byClass ? taxonomyPick(s) : null);
  ui.choices.replaceChildren(el("div", { className: "choices-head" }, title, el("div", { className: "modes" }, button(s, "search", "Search", { quiet: true }), modes)), ...rows);
}

function taxonomyPick(s) {
  const names = s.data.taxonomies.map((one) => one.name);
  const pick = el("select", {
    "aria-label": "Taxonomy", "data-act": "taxonomy",
    onchange: () => (Object.assign(s, { taxonomy: pick.value }), s.drafts.delete(s.current), pick.blur(), draw(s)),
  }, names.map((name) => el("option", { value: name, text: name, selected: name === s.taxonomy })));
  return pick;
}

function partRows(s, draft, label) {
  const { space } = s.data;
  const settled = settledParts(space, label);
  const boxed = !draft.lone && label.some((leaf) => valuesOf(space, leaf).length);
  const rows = space.parts.map((part, p) => {
    const changed = draft.changes.has(part.name);
    const value = changed ? draft.changes.get(part.name) : boxed ? settled[p] : undefined;
    const choice = (v, text, given) => button(s, `part:${p}:${v}`, text, {
      pressed: value === given && (given !== null || changed), stands: boxed && settled[p] === given && given !== null, unknown: given === null });
    return row(part.name, [...part.values.map((text, v) => choice(v, text, text)), choice(UNKNOWN_VALUE, "unknown", null)]);
  });
  if (space.lone.length) rows.push(row(space.parts.length ? "or" : "label", space.lone.map((leaf, i) =>
    button(s, `lone:${i}`, readable(leaf), { pressed: draft.lone === leaf, stands: label.length === 1 && label[0] === leaf }))));
  return rows;
}

function drawResult(s) {
  const { label, changes, sentence } = outcome(s);
  const words = changes ? [el("span", { className: "becomes", text: "becomes" }), chips(s.data.space, label)]
    : [el("span", { className: sentence ? "impossible" : "hint", role: sentence ? "alert" : null, text: sentence ?? (s.ui.label.hidden ? UNSEEN : UNTOUCHED[s.mode]) })];
  s.ui.result.className = changes ? "result is-ready" : "result";
  s.ui.result.replaceChildren(...words, button(s, "save", "Save", { primary: true, disabled: !changes }));
}
