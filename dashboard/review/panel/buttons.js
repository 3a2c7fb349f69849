// Buttons labelled with their keys, and the list of all keys.

const ANSWERS = ["save", "confirm", "cannot_tell", "skip"];

function button(s, action, text, { pressed, stands, unknown, primary, quiet, link, disabled, noKey, className, label, expanded } = {}) {
  const key = noKey || link ? null : keyOfAction(s.keys, action);
  const names = [className ?? (link ? "link" : "button"), pressed && "is-pressed", stands && "stands", unknown && "is-unknown", primary && "is-primary", quiet && "is-quiet"];
  const element = el("button", {
    type: "button", className: names.filter(Boolean).join(" "), disabled: Boolean(disabled), "data-act": action, "aria-label": label,
    "aria-pressed": pressed === undefined ? null : String(Boolean(pressed)), "aria-expanded": expanded === undefined ? null : String(expanded), "aria-keyshortcuts": key,
    onclick: (event) => {
      if (event.detail) element.blur(); // after a mouse click the panel receives keys again
      if (event.detail > 1 && ANSWERS.includes(action)) return; // a double click must not decide the next image too
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

function drawKeys(s) {
  const { ui } = s;
  ui.keys.hidden = !s.keysShown;
  if (!s.keysShown) return;
  const lines = [["save", "save the changed label"], ["confirm", "the label is right"], ["cannot_tell", "cannot tell"], ["skip", "skip"], ["undo", "undo the last decision"],
    ["next", "next image"], ["previous", "previous image"], ["flag", "flag for a talk, or take the flag away"], ["note", "write a note (Escape leaves it)"], ["reason", "the next reason of the list"], ["search", "search classes and leaves"], ["map", "map on or off"], ["mode", "by parts or by class"], ["blind", "hide earlier labels and what runs say"], ["zoom_in", "zoom in"], ["zoom_out", "zoom out"], ["narrower", "more contrast: narrower window"],
    ["wider", "less contrast: wider window"], ["darker", "darker"], ["brighter", "brighter"], ["whole", "whole image, all grey values"], ["keys", "this list"]];
  const keysOf = (action) => [...s.keys].filter(([, does]) => does === action).map(([key]) => kbd(key));
  ui.keys.replaceChildren(heading("Keys"), el("dl", {}, lines.map(([action, text]) => el("div", {}, el("dt", {}, keysOf(action)), el("dd", { text })))),
    el("p", { text: "The parts and classes carry their keys on their buttons. Ctrl and wheel: zoom; drag: pan; Shift or right button and drag: window and level." }));
}
