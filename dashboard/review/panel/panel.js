const reviewers = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  let s = reviewers.get(parentElement);
  if (!s) {
    s = createState();
    reviewers.set(parentElement, s);
    build(s, parentElement.querySelector(".reviewer"), data);
    s.onKey = (event) => onKey(s, event);
    addEventListener("keydown", s.onKey, true); // before Streamlit, whose shortcuts would rerun the page
    s.onRelease = () => setTimeout(() => release(s)); // the click event follows the release
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
    removeEventListener("keydown", s.onKey, true);
    for (const kind of ["pointerup", "pointercancel"]) document.removeEventListener(kind, s.onRelease, true);
    clearTimeout(s.mapTimer);
    s.layer.clear();
    s.nearest.clear();
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
  if (key === "enter" && /^(BUTTON|A|SUMMARY)$/.test(target.tagName)) return; // the browser presses a focused button itself
  if (key === "escape" && s.keysShown) return run(s, "keys");
  const action = s.keys.get(key);
  if (!action) return;
  event.preventDefault();
  if (STREAMLITS.includes(key)) event.stopImmediatePropagation();
  if (event.repeat && !["next", "previous", ...LOOKING].includes(action)) return; // a held key makes one decision only
  run(s, action);
}

function run(s, action) {
  Object.assign(s, { pressing: false, touched: true });
  const then = act(s, action);
  if (then?.startsWith("look:")) return s.sight.act(then.slice("look:".length));
  draw(s);
  if (then === "focus:note") s.ui.note.focus();
  if (then === "focus:name") s.ui.name.focus();
  if (then === "search") s.search.open(s.data.space, s.data.taxonomies);
}

function build(s, root, data) {
  const ui = (s.ui = { root });
  for (const name of ["about", "head", "message", "keys", "caption", "strip", "recent", "why", "disagree", "veil", "says", "label", "choices", "result", "answers", "done"])
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
    el("div", {}, el("strong", { text: "Who is reviewing?" }), el("p", { text: "Decisions carry your name. This panel keeps it in this browser." })),
    ui.name, el("button", { type: "submit", className: "button is-primary", text: "Start" }));
  s.search = searchBox((one) => (setFound(s, one), draw(s)));
  s.nearest = nearestImages();
  ui.reason = reasonPick(s);
  ui.words = el("div", { className: "words" }, ui.note, el("label", { className: "reason" }, kbd("r"), ui.reason));
  ui.asks = el("div", { className: "asks" }, ui.why, ui.disagree, ui.veil, ui.label, ui.choices, s.search.root, ui.result, ui.words, ui.answers);
  ui.left = el("div", { className: "left" }, ui.frame, ui.caption, ui.mapTools, ui.strip, s.nearest.root);
  ui.body = el("div", { className: "body" }, ui.left, ui.asks, ui.says);
  root.replaceChildren(ui.about, ui.head, ui.nameForm, ui.message, ui.keys, ui.body, ui.done, ui.recent);
  root.addEventListener("pointerdown", (event) => {
    s.box.attach(s);
    Object.assign(s, { pressing: Boolean(event.target.closest("button")), touched: true });
  });
  s.thumbs = new Map();
}

function takeName(s) {
  const name = s.ui.name.value.replace(/[\s\u0000-\u001f\u007f]+/g, " ").trim().slice(0, NAME_MOST);
  if (!name) return s.ui.name.focus();
  Object.assign(s, { name, naming: false, sentence: "", touched: false });
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
  ui.about.hidden = !data.about;
  ui.about.textContent = isBlind(s) && !data.second ? `${data.n_total.toLocaleString("en")} images; how they were chosen is hidden.` : data.about;
  const queue = s.single || !data.n_total ? [] : [
    el("div", { className: "count" }, el("strong", { text: `${left} left` }), ` of ${data.n_total}`),
    el("div", { className: "progress", role: "progressbar", "aria-label": "Reviewed", "aria-valuemin": "0", "aria-valuemax": String(data.n_total), "aria-valuenow": String(done) },
      el("span", { style: `width: ${100 * share}%` })),
    s.name && data.pace !== undefined ? el("span", { className: "pace", title: "Images that you have answered in the last 60 minutes", text: `${data.pace} in the last hour` }) : "",
    el("span", { className: "steps" }, button(s, "previous", "Previous", { quiet: true }), button(s, "next", "Next", { quiet: true })),
  ];
  ui.head.replaceChildren(...queue, savingChip(box), draftWord(s), el("span", { className: "space" }),
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

// A selected label is not saved yet, even if "All saved" is shown for earlier decisions.
function draftWord(s) {
  return outcome(s).changes ? el("span", { className: "draft", role: "status", text: "1 chosen: Enter saves it" }) : "";
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
  ui.disagree.textContent = shown.disagree ?? "";
  ui.disagree.hidden = !shown.disagree || blind;
  drawVeil(s, shown, blind);
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
  const flagged = isFlagged(s, shown.id);
  ui.answers.replaceChildren(...[
    ui.label.hidden ? null : keyed("confirm", "The label is right", { primary: !outcome(s).changes }),
    keyed("cannot_tell", "Cannot tell"), s.single ? null : keyed("skip", "Skip"),
    keyed("flag", flagged ? "Flagged" : "Flag", { pressed: flagged }), keyed("undo", "Undo", { disabled: !s.box.history.length }),
  ].filter(Boolean));
  drawReason(s, ui.reason);
  if (s.data.nearest && !s.data.compact) s.nearest.show({ id: shown.id, ...s.data.nearest, blind });
  const note = s.notes.get(shown.id) ?? "";
  if (ui.note.value !== note) ui.note.value = note;
}

// Notice that earlier labels are hidden, with a button to show them.
function drawVeil(s, shown, blind) {
  const { ui, data } = s;
  ui.veil.hidden = !blind || s.local.has(shown.id);
  const words = data.second ? "A second opinion: what others said of this image is hidden." : "Earlier labels, and what runs say, are hidden.";
  ui.veil.replaceChildren(el("span", { text: words }), data.blind === true ? "" : button(s, "blind", "Show them"));
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
  const last = new Map(box.history.filter((entry) => s.order.includes(entry.image_id) && !FLAGS.includes(entry.answer)).map((entry) => [entry.image_id, entry.answer]));
  const count = (answer) => [...last.values()].filter((given) => given === answer).length;
  const figures = [["relabelled", "relabel"], ["found right", "confirm"], ["cannot tell", "cannot_tell"], ["skipped", "skip"]].map(([text, answer]) =>
    el("div", { className: "figure" }, el("strong", { text: String(count(answer)) }), el("span", { text })));
  const back = () => el("div", { className: "answers" }, button(s, "undo", "Undo", { disabled: !box.history.length }));
  if (!data.n_total) ui.done.replaceChildren(el("h3", { text: "No image waits here" }), el("p", {}, sentence(data.empty ?? "Open a list of images from Images as a queue.")));
  else if (left > 0) ui.done.replaceChildren(el("h3", { text: "Fetching the next images…" }), el("p", { text: `${left} of ${data.n_total} are left.` }), back());
  else ui.done.replaceChildren(el("h3", { text: "This queue is done" }), el("p", { text: `All ${data.n_total} images are answered. Since you opened this page you decided:` }), el("div", { className: "figures" }, figures), back());
}
