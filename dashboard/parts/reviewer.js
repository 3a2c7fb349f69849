const reviewers = new WeakMap();
const MAP_DELAY_MS = 150; // nobody looks at a map for less; it keeps fast reviewers from asking for maps in vain
const UNTOUCHED = {
  parts: "Change only what is wrong; the rest stays.",
  class: "Only the parts that the class settles will change.",
};
const UNSEEN = "Say what you see; parts that you leave open stay unknown.";
const STRIP_BEFORE = 3;
const STRIP_LENGTH = 9;

export default function ({ data, parentElement, setStateValue }) {
  let s = reviewers.get(parentElement);
  if (!s) {
    s = createState();
    reviewers.set(parentElement, s);
    build(s, parentElement.querySelector(".reviewer"), data);
    s.onKey = (event) => onKey(s, event);
    document.addEventListener("keydown", s.onKey);
    s.onRelease = () => setTimeout(() => release(s)); // the click comes after the release
    for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, s.onRelease, true);
    s.changed = () => draw(s);
  }
  s.send = (log) => setStateValue("log", log);
  s.tellName = () => s.name && setStateValue("reviewer", s.name);
  takeData(s, data);
  if (!s.box.views.includes(s)) {
    s.box.attach(s);
    s.tellName();
  }
  draw(s);
  s.box.pump();
  return () => {
    document.removeEventListener("keydown", s.onKey);
    for (const kind of ["pointerup", "pointercancel"]) document.removeEventListener(kind, s.onRelease, true);
    clearTimeout(s.mapTimer);
    s.layer.clear();
    s.box.detach(s);
    reviewers.delete(parentElement);
  };
}

function onKey(s, event) {
  if (s.box.views.at(-1) !== s || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  const target = event.composedPath()[0];
  const key = pressedKey(event, s.keys);
  const ranging = target.type === "range" && !key.startsWith("arrow");
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !ranging) return;
  if (target.isContentEditable || document.querySelector("[role=dialog]")) return;
  if (key === "enter" && /^(BUTTON|A|SUMMARY)$/.test(target.tagName)) return; // a button reached by Tab presses itself
  if (key === "escape" && s.keysShown) return run(s, "keys");
  const action = s.keys.get(key);
  if (!action) return;
  event.preventDefault();
  if (event.repeat && !["next", "previous", ...LOOKING].includes(action)) return; // a key held down is one answer
  run(s, action);
}

function run(s, action) {
  Object.assign(s, { pressing: false, touched: true });
  const then = act(s, action);
  if (then?.startsWith("look:")) return s.sight.act(then.slice("look:".length));
  draw(s);
  if (then === "focus:note") s.ui.note.focus();
  if (then === "focus:name") s.ui.name.focus();
}

function build(s, root, data) {
  const ui = (s.ui = { root });
  for (const name of ["head", "message", "keys", "caption", "strip", "recent", "why", "says", "label", "choices", "result", "answers", "done"])
    ui[name] = el("div", { className: name });
  Object.assign(ui.message, { role: "status" });
  ui.image = el("img", { className: "image", decoding: "sync" });
  ui.frame = el("div", { className: "frame" }, ui.image);
  ui.image.addEventListener("load", () => {
    ui.frame.classList.remove("is-broken");
    // The first image gives the frame its shape; it then stays, so that buttons do not move under the pointer.
    if (!ui.frame.style.aspectRatio) ui.frame.style.aspectRatio = Math.min(1.8, Math.max(0.8, ui.image.naturalWidth / ui.image.naturalHeight));
  });
  ui.image.addEventListener("error", () => ui.frame.classList.add("is-broken"));
  ui.sight = el("span", { className: "sight", role: "status" });
  s.sight = sight(ui.frame, ui.image, (words) => (ui.sight.textContent = words));
  s.layer = mapLayer(ui.frame, (layer) => (s.mapShown = layer.state === "shown"));
  ui.mapButton = el("div");
  ui.mapPick = el("select", { "aria-label": "Whose map", onchange: () => ((s.mapWho = ui.mapPick.value), ui.mapPick.blur(), draw(s)) });
  ui.mapTools = el("div", { className: "tools" }, ui.mapButton, ui.mapPick, strengthSlider(data.strength ?? 0.45, (share) => s.layer.strength(share)));
  ui.note = el("textarea", {
    rows: 1, maxLength: 2000, placeholder: "A note, if you wish (N)", "aria-label": "Note on this image",
    oninput: () => s.notes.set(s.current, ui.note.value),
    onkeydown: (event) => event.key === "Escape" && (event.stopPropagation(), ui.note.blur()),
  });
  ui.name = el("input", { type: "text", maxLength: NAME_MOST, placeholder: "Your name", "aria-label": "Your name", autocomplete: "name" });
  ui.nameForm = el("form", { className: "name-form", onsubmit: (event) => (event.preventDefault(), takeName(s)) },
    el("div", {}, el("strong", { text: "Who is reviewing?" }), el("p", { text: "Decisions carry your name. It is asked once and kept in this browser." })),
    ui.name, el("button", { type: "submit", className: "button is-primary", text: "Start" }));
  ui.asks = el("div", { className: "asks" }, ui.why, ui.label, ui.choices, ui.result, ui.note, ui.answers);
  ui.left = el("div", { className: "left" }, ui.frame, ui.caption, ui.mapTools, ui.strip);
  ui.body = el("div", { className: "body" }, ui.left, ui.asks, ui.says);
  root.replaceChildren(ui.head, ui.nameForm, ui.message, ui.keys, ui.body, ui.done, ui.recent);
  root.addEventListener("pointerdown", (event) => {
    s.box.attach(s);
    Object.assign(s, { pressing: Boolean(event.target.closest("button")), touched: true });
  });
  s.thumbs = new Map();
}

function takeName(s) {
  const name = s.ui.name.value.replace(/[\s\u0000-\u001f\u007f]+/g, " ").trim().slice(0, NAME_MOST);
  if (!name) return s.ui.name.focus();
  Object.assign(s, { name, naming: false, sentence: "" });
  remember(NAME_PLACE, name);
  s.tellName();
  s.ui.name.blur();
  draw(s);
}

function release(s) {
  s.pressing = false;
  if (s.stale) draw(s);
}

function draw(s) {
  s.stale = s.pressing; // a button that is replaced between press and release would miss its click
  if (s.pressing) return;
  const { ui } = s;
  const focused = ui.root.getRootNode().activeElement?.dataset?.act;
  const shown = item(s);
  s.keys = assignKeys(s.data.space, s.mode, classesOf(s).length);
  drawHead(s);
  ui.nameForm.hidden = !(s.naming || !s.name);
  ui.message.hidden = !s.sentence;
  ui.message.textContent = s.sentence;
  ui.body.hidden = !shown;
  ui.body.classList.toggle("is-compact", s.data.compact === true);
  ui.done.hidden = Boolean(shown);
  drawKeys(s);
  drawRecent(s);
  if (shown) drawItem(s, shown);
  else drawDone(s);
  prefetch(s);
  if (focused) [...ui.root.querySelectorAll("[data-act]")].find((one) => one.dataset.act === focused)?.focus();
}

function drawHead(s) {
  const { data, ui, box } = s;
  const left = nLeft(s);
  const done = Math.max(0, data.n_total - left);
  const share = data.n_total ? done / data.n_total : 0;
  const queue = s.single ? [] : [
    el("div", { className: "count" }, el("strong", { text: `${left} left` }), ` of ${data.n_total}`),
    el("div", { className: "progress", role: "progressbar", "aria-label": "Reviewed", "aria-valuemin": "0", "aria-valuemax": String(data.n_total), "aria-valuenow": String(done) },
      el("span", { style: `width: ${100 * share}%` })),
    el("span", { className: "steps" }, button(s, "previous", "Previous", { quiet: true }), button(s, "next", "Next", { quiet: true })),
  ];
  ui.head.replaceChildren(...queue, savingChip(box), el("span", { className: "space" }),
    ...(s.name ? [el("span", { className: "who" }, "Reviewing as ", el("strong", { text: s.name }), button(s, "rename", "change", { link: true }))] : []),
    s.data.compact ? "" : button(s, "blind", "Blind", { quiet: true, pressed: isBlind(s) }),
    button(s, "keys", "Keys", { quiet: true, expanded: s.keysShown }));
}

function savingChip(box) {
  const n = box.log.length;
  if (n && box.isLate()) return el("span", { className: "chip is-late", role: "status", text: `${n} not saved yet: the server does not answer, trying again` });
  if (n) return el("span", { className: "chip is-saving", role: "status", text: `${n} saving…` });
  if (box.recent[0]?.state === "refused") return el("span", { className: "chip is-refused", role: "status", text: "Not saved" });
  return el("span", { className: "chip is-saved", role: "status", text: box.recent.length ? "All saved" : "" });
}

function drawItem(s, shown) {
  const { ui, data } = s;
  const { space } = data;
  if (ui.image.getAttribute("src") !== shown.src) {
    ui.frame.classList.remove("is-broken");
    ui.image.src = shown.src;
    s.sight.centre();
  }
  ui.image.alt = shown.caption;
  ui.root.dataset.image = shown.id;
  ui.caption.replaceChildren(el("span", { text: shown.caption }), ui.sight, ...stateChips(s, shown.id));
  drawMap(s, shown);
  drawStrip(s);
  ui.why.textContent = shown.why ?? "";
  const blind = isBlind(s);
  ui.why.hidden = !shown.why || blind;
  ui.says.hidden = !shown.says?.length || blind;
  ui.says.replaceChildren(heading("What the runs say"), ...(shown.says ?? []).map((one) => el("section", { className: "say" },
    el("header", {}, el("span", { className: "say-who", text: one.who }), one.agree ? el("span", { className: "say-agree", text: `${one.agree} agree` }) : null), bars(one.top))));
  const label = startOf(s, shown.id);
  ui.label.hidden = blind && !s.local.has(shown.id);
  const words = s.local.has(shown.id) ? labelText(space, label) : shown.label_text;
  const original = shown.original_text && shown.original_text !== words ? `originally ${shown.original_text}` : "";
  ui.label.replaceChildren(heading("Current label", original), chips(space, label));
  drawChoices(s, label);
  drawResult(s);
  const keyed = (action, text, options) => button(s, action, text, options);
  ui.answers.replaceChildren(...[
    ui.label.hidden ? null : keyed("confirm", "The label is right"), keyed("cannot_tell", "Cannot tell"), s.single ? null : keyed("skip", "Skip"),
    keyed("undo", "Undo", { disabled: !s.box.history.length }),
  ].filter(Boolean));
  const note = s.notes.get(shown.id) ?? "";
  if (ui.note.value !== note) ui.note.value = note;
}

function drawMap(s, shown) {
  const { ui } = s;
  const maps = isBlind(s) ? [] : (shown.maps ?? []);
  const chosen = maps.find((one) => one.who === s.mapWho) ?? maps[0];
  ui.mapTools.hidden = !maps.length;
  ui.mapButton.replaceChildren(button(s, "map", "Map", { pressed: s.mapOn }));
  if ([...ui.mapPick.options].map((one) => one.value).join("\n") !== maps.map((one) => one.who).join("\n"))
    ui.mapPick.replaceChildren(...maps.map((one) => el("option", { value: one.who, text: one.who })));
  ui.mapPick.hidden = maps.length < 2;
  if (chosen) ui.mapPick.value = chosen.who;
  const url = s.mapOn && chosen ? chosen.url : null;
  if (url === s.mapUrl) return;
  s.mapUrl = url;
  clearTimeout(s.mapTimer);
  s.layer.clear();
  if (url) s.mapTimer = setTimeout(() => s.layer.show(url, `What decided, according to ${chosen.who}`), MAP_DELAY_MS);
}

function drawStrip(s) {
  const { ui } = s;
  ui.strip.hidden = s.single || s.order.length < 2;
  if (ui.strip.hidden) return;
  const at = s.order.indexOf(s.current);
  const from = Math.max(0, Math.min(at - STRIP_BEFORE, s.order.length - STRIP_LENGTH));
  const ids = s.order.slice(from, from + STRIP_LENGTH);
  for (const id of s.thumbs.keys()) if (!ids.includes(id)) s.thumbs.delete(id);
  ids.forEach((id) => {
    if (!s.thumbs.has(id)) {
      const thumb = button(s, `goto:${id}`, "", { className: "thumb", label: `Go to ${id}` });
      thumb.append(el("img", { src: s.known.get(id).src, alt: "" }), el("span", { className: "tick" }));
      s.thumbs.set(id, thumb);
    }
    const thumb = s.thumbs.get(id);
    thumb.classList.toggle("is-current", id === s.current);
    thumb.classList.toggle("is-answered", Boolean(answerOf(s, id)));
    thumb.classList.toggle("is-saving", isUnsaved(s, id));
    thumb.setAttribute("aria-current", id === s.current);
  });
  const nodes = ids.map((id) => s.thumbs.get(id));
  if (nodes.some((node, i) => ui.strip.children[i] !== node) || ui.strip.children.length !== nodes.length) ui.strip.replaceChildren(...nodes);
}

function stateChips(s, id) {
  const answer = answerOf(s, id);
  if (isUnsaved(s, id)) return [el("span", { className: "chip is-saving", text: "saving…" })];
  return answer ? [el("span", { className: "chip is-saved", text: `${ANSWER_WORDS[answer] ?? answer} · saved` })] : [];
}

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
    button(s, "mode:parts", "By parts", { pressed: s.mode === "parts", noKey: true }), button(s, "mode:class", "By class", { pressed: s.mode === "class", noKey: true }), kbd("x")) : null;
  const byClass = s.mode === "class";
  const names = classesOf(s).map(([name], i) => button(s, `class:${i}`, name, { pressed: draft.cls === name }));
  const rows = byClass ? [el("div", { className: "row-buttons", role: "group", "aria-label": `Classes of ${s.taxonomy}` }, names)] : partRows(s, draft, label);
  const title = el("div", { className: "choices-title" }, heading(byClass ? "Which class is it?" : "What is wrong with it?"), byClass ? taxonomyPick(s) : null);
  ui.choices.replaceChildren(el("div", { className: "choices-head" }, title, ...(modes ? [modes] : [])), ...rows);
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

function drawKeys(s) {
  const { ui } = s;
  ui.keys.hidden = !s.keysShown;
  if (!s.keysShown) return;
  const lines = [["save", "save the changed label"], ["confirm", "the label is right"], ["cannot_tell", "cannot tell"], ["skip", "skip"], ["undo", "undo the last decision"],
    ["next", "next image"], ["previous", "previous image"], ["note", "write a note (Escape leaves it)"], ["map", "map on or off"], ["mode", "by parts or by class"], ["blind", "hide earlier labels and what runs say"], ["zoom_in", "zoom in"], ["zoom_out", "zoom out"], ["narrower", "more contrast: narrower window"],
    ["wider", "less contrast: wider window"], ["darker", "darker"], ["brighter", "brighter"], ["whole", "whole image, all grey values"], ["keys", "this list"]];
  const keysOf = (action) => [...s.keys].filter(([, does]) => does === action).map(([key]) => kbd(key));
  ui.keys.replaceChildren(heading("Keys"), el("dl", {}, lines.map(([action, text]) => el("div", {}, el("dt", {}, keysOf(action)), el("dd", { text })))),
    el("p", { text: "The parts and classes carry their keys on their buttons. Ctrl and wheel: zoom; drag: pan; Shift or right button and drag: window and level." }));
}

function drawRecent(s) {
  const { ui, box } = s;
  ui.recent.hidden = !box.recent.length;
  const words = { saving: "saving…", saved: "saved", refused: "not saved" };
  ui.recent.replaceChildren(heading("Just decided"), el("ol", {}, box.recent.map((line) => el("li", { "data-seq": String(line.seq) },
    button(s, `goto:${line.image_id}`, line.image_id, { link: true, disabled: !s.known.has(line.image_id) }), el("span", { className: "recent-words", text: line.words }),
    el("span", { className: `chip is-${line.state}`, text: words[line.state] })))));
}

function drawDone(s) {
  const { ui, data, box } = s;
  delete ui.root.dataset.image;
  const left = nLeft(s);
  const last = new Map(box.history.filter((entry) => s.order.includes(entry.image_id)).map((entry) => [entry.image_id, entry.answer]));
  const count = (answer) => [...last.values()].filter((given) => given === answer).length;
  const figures = [["relabelled", "relabel"], ["found right", "confirm"], ["cannot tell", "cannot_tell"], ["skipped", "skip"]].map(([text, answer]) =>
    el("div", { className: "figure" }, el("strong", { text: String(count(answer)) }), el("span", { text })));
  const back = () => el("div", { className: "answers" }, button(s, "undo", "Undo", { disabled: !box.history.length }));
  if (!data.n_total) ui.done.replaceChildren(el("h3", { text: "No image waits here" }), el("p", {}, sentence(data.empty ?? "Open a list of images from Images as a queue.")));
  else if (left > 0) ui.done.replaceChildren(el("h3", { text: "Fetching the next images…" }), el("p", { text: `${left} of ${data.n_total} are left.` }), back());
  else ui.done.replaceChildren(el("h3", { text: "This queue is done" }), el("p", { text: `All ${data.n_total} images are answered. Since you opened this page you decided:` }), el("div", { className: "figures" }, figures), back());
}

const ANSWERS = ["save", "confirm", "cannot_tell", "skip"];

function button(s, action, text, { pressed, stands, unknown, primary, quiet, link, disabled, noKey, className, label, expanded } = {}) {
  const key = noKey || link ? null : keyOfAction(s.keys, action);
  const names = [className ?? (link ? "link" : "button"), pressed && "is-pressed", stands && "stands", unknown && "is-unknown", primary && "is-primary", quiet && "is-quiet"];
  const element = el("button", {
    type: "button", className: names.filter(Boolean).join(" "), disabled: Boolean(disabled), "data-act": action, "aria-label": label,
    "aria-pressed": pressed === undefined ? null : String(Boolean(pressed)), "aria-expanded": expanded === undefined ? null : String(expanded), "aria-keyshortcuts": key,
    onclick: (event) => {
      if (event.detail) element.blur(); // after a mouse click the keys belong to the panel again
      if (event.detail > 1 && ANSWERS.includes(action)) return; // a double click answers one image, not the next unseen
      run(s, action);
    },
  }, key ? kbd(key) : null, text ? el("span", { text }) : null);
  return element;
}

function kbd(key) {
  const words = { enter: "Enter", arrowright: "→", arrowleft: "←" };
  return el("kbd", { text: words[key] ?? key.toUpperCase(), "aria-hidden": "true" });
}

function heading(text, aside = "") {
  return el("h4", {}, text, aside ? el("small", { text: aside }) : null);
}

function row(name, buttons) {
  return el("div", { className: "choice-row", role: "group", "aria-label": name }, el("span", { className: "row-name", text: name }), el("div", { className: "row-buttons" }, buttons));
}
