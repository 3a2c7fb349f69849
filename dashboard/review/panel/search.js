// Search for classes and leaf classes. It receives keys only while open; the selection becomes the draft label.

const SEARCH_MOST = 8;

// All labels that can be assigned, as {text, aside, leaf} or {text, aside, cls, taxonomy}; a class that several
// taxonomies share is listed once.
function searchable(space, taxonomies) {
  const classes = new Map();
  for (const { name, classes: named } of taxonomies)
    for (const [cls, leaves] of Object.entries(named)) {
      const same = classes.get(`${cls}\n${leaves.join("\n")}`);
      if (same) same.aside += `, ${name}`;
      else classes.set(`${cls}\n${leaves.join("\n")}`, { text: cls, aside: name, cls, taxonomy: name });
    }
  return [...classes.values(), ...Object.keys(space.leaves).map((leaf) => ({ text: readable(leaf), aside: "leaf", leaf }))];
}

// Entries that contain every typed word; those that begin with the typed text come first.
function found(entries, typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = entries.filter(({ text, aside }) => words.every((word) => `${text} ${aside}`.toLowerCase().includes(word)));
  const begins = ({ text }) => words.length > 0 && text.toLowerCase().startsWith(words[0]);
  return [...fitting.filter(begins), ...fitting.filter((one) => !begins(one))].slice(0, SEARCH_MOST);
}

function searchBox(choose) {
  let entries = [];
  let listed = [];
  let at = 0;
  const list = el("ul", { className: "search-list", role: "listbox", id: "taxoscope-search", "aria-label": "Classes and leaves" });
  const input = el("input", {
    type: "text", placeholder: "Type a class or leaf, Enter takes it, Escape leaves", "aria-label": "Search classes and leaves", role: "combobox",
    "aria-controls": "taxoscope-search", "aria-expanded": "true", autocomplete: "off", spellcheck: false,
    oninput: () => show(0), onblur: () => close(), onkeydown: (event) => onSearchKey(event),
  });
  const root = el("div", { className: "search", hidden: true }, input, list);
  const show = (position) => {
    listed = found(entries, input.value);
    at = Math.max(0, Math.min(position, listed.length - 1));
    const lines = listed.map(({ text, aside }, i) => el("li", {
      role: "option", id: `taxoscope-search-${i}`, "aria-selected": String(i === at), className: i === at ? "is-at" : "",
      onpointerdown: (event) => (event.preventDefault(), take(i)),
    }, el("span", { text }), el("small", { text: aside })));
    list.replaceChildren(...(lines.length ? lines : [el("li", { className: "is-empty", text: "Nothing is called so; Escape leaves." })]));
    input.setAttribute("aria-activedescendant", lines.length ? `taxoscope-search-${at}` : "");
  };
  const take = (i) => {
    const one = listed[i];
    if (!one) return;
    close();
    choose(one);
  };
  const close = () => {
    if (root.hidden) return;
    root.hidden = true;
    input.blur();
  };
  const onSearchKey = (event) => {
    if (event.isComposing) return;
    const does = { ArrowDown: () => show(at + 1), ArrowUp: () => show(at - 1), Enter: () => take(at), Escape: close }[event.key];
    if (!does) return;
    event.preventDefault();
    event.stopPropagation();
    does();
  };
  const open = (space, taxonomies) => {
    entries = searchable(space, taxonomies);
    root.hidden = false;
    input.value = "";
    show(0);
    input.focus();
  };
  return { root, open, close };
}
